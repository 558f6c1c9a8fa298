"""Two folders of pictures side by side: a page to vote on, a judge, the win rate."""
