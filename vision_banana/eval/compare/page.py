"""The pages of the comparison, as HTML. They work without JavaScript; it adds keys."""

import html
import urllib.parse

from vision_banana.eval import style
from vision_banana.eval.compare.ballot import Ballot

_CSS = style.CSS + """\
.page{max-width:1180px;padding:16px 20px 32px}
.top{display:flex;flex-wrap:wrap;align-items:center;gap:4px 16px;color:#4a525e;
font-size:14px}
.top h1{font-size:18px;margin:0;color:#1c2026;flex:1 1 auto}
progress{width:100%;height:6px;margin:8px 0 14px;border:0;border-radius:3px;
background:#e1e4e9;accent-color:#2563eb;display:block}
progress::-webkit-progress-bar{background:#e1e4e9;border-radius:3px}
progress::-webkit-progress-value{background:#2563eb;border-radius:3px}
.asked{background:#fff;border:1px solid #e1e4e9;border-radius:10px;padding:12px 16px;
margin:0 0 14px}
.asked p{margin:0;font-size:17px;overflow-wrap:anywhere;white-space:pre-line;
max-height:20vh;overflow-y:auto}
.asked .label{display:block;color:#6a7280;font-size:12px}
.two{display:grid;grid-template-columns:1fr 1fr;gap:14px;margin:0 0 14px}
.two figure{max-width:none;min-width:0;background:#fff;border:1px solid #e1e4e9;
border-radius:10px;padding:8px;text-align:center}
.two figure.mine{border-color:#2563eb;box-shadow:0 0 0 1px #2563eb}
.two img{object-fit:contain;max-height:48vh}
.two .input{grid-column:1/-1}
.two .input img{max-height:15vh}
figcaption{text-align:center}
form.vote{display:grid;grid-template-columns:1fr 1fr 1fr;gap:14px}
button,.button,input[type=text]{font:inherit;min-height:48px;border-radius:8px;
border:1px solid #b6bdc8;background:#fff;color:#1c2026;padding:6px 12px}
button,.button{cursor:pointer;font-weight:600;text-align:center}
button:hover,.button:hover{background:#eef3fe;border-color:#2563eb}
button[aria-pressed=true]{background:#2563eb;border-color:#2563eb;color:#fff}
button.main{background:#2563eb;border-color:#2563eb;color:#fff}
button.main:hover{background:#1d4fd8}
:focus-visible{outline:3px solid #2563eb;outline-offset:2px}
kbd{font:12px ui-monospace,Menlo,Consolas,monospace;border:1px solid currentColor;
border-radius:4px;padding:0 5px;margin-left:6px;opacity:.75;font-weight:400}
nav{display:flex;flex-wrap:wrap;justify-content:space-between;gap:8px 20px;
margin-top:14px;font-size:14px}
a{color:#1d4fd8}
.small{max-width:520px;margin:8vh auto 0}
.small form{display:flex;flex-wrap:wrap;gap:10px;margin-top:16px}
.small label{flex-basis:100%;font-weight:600}
.small input{flex:1 1 180px;min-width:0}
[role=alert]{background:#fff4e5;border:1px solid #d97706;border-radius:8px;
padding:10px 14px;margin:0 0 14px;max-width:none}
@media (max-width:620px){.page{padding:10px 10px 20px}
.two,form.vote{gap:8px}.two figure{padding:4px}.asked{padding:10px 12px}
.asked p{font-size:15px}button{font-size:14px;padding:6px 4px}
kbd{display:none}}
@media (min-width:900px) and (min-height:560px){
.rate{display:flex;flex-direction:column;height:100vh}
.two{flex:1 1 0;min-height:0;grid-template-rows:minmax(0,1fr)}
.two.three{grid-template-columns:1fr 1fr 1fr}
.two figure,.two a{display:flex;flex-direction:column;min-height:0}
.two a{flex:1 1 0}
.two .input{grid-column:auto;background:none;border-style:dashed}
.two img,.two .input img{flex:1 1 0;min-height:0;max-height:none}}
"""
# Keys wait for the pictures; a key that is held down votes once.
_SCRIPT = """\
const keys={ArrowLeft:'left',ArrowRight:'right',ArrowDown:'tie',t:'tie',T:'tie',
Backspace:'back',b:'back',B:'back'};
const shown=[...document.querySelectorAll('.two img')];
addEventListener('keydown',e=>{
if(e.repeat||e.ctrlKey||e.metaKey||e.altKey||!(e.key in keys))return;
const target=document.querySelector(`[data-key=${keys[e.key]}]`);
if(!target)return;
e.preventDefault();
if(keys[e.key]==='back'||shown.every(i=>i.complete&&i.naturalWidth))target.click();});
const note=document.querySelector('[data-broken]');
shown.forEach(i=>{const bad=()=>{note.hidden=false};
if(i.complete&&!i.naturalWidth)bad();else i.addEventListener('error',bad);});
const ahead=document.querySelector('[data-ahead]');
if(ahead)ahead.dataset.ahead.split(' ').forEach(u=>{new Image().src=u});
"""


def _page(title: str, body: str, nonce: str, script: bool = False) -> str:
  code = f"<script nonce='{nonce}'>{_SCRIPT}</script>" if script else ""
  return (
      "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
      "<meta name='viewport' content='width=device-width,initial-scale=1'>"
      "<meta name='robots' content='noindex'><link rel='icon' href='data:,'>"
      f"<title>{html.escape(title)}</title><style nonce='{nonce}'>{_CSS}</style></head>"
      f"<body>{body}{code}</body></html>\n")


def welcome(count: int, nonce: str, problem: str = "", name: str = "") -> str:
  """Asks for the rater's name.

  Args:
    count: how many pairs there are.
    nonce: of the page's style and script.
    problem: what was wrong with the name given before, or ''.
    name: that name.
  """
  alert = f"<p role='alert' id='problem'>{html.escape(problem)}</p>" if problem else ""
  described = " aria-describedby='problem' aria-invalid='true'" if problem else ""
  pairs = "1 pair" if count == 1 else f"{count} pairs"
  return _page("Which picture is better?", (
      "<main class='page'><section class='small'><h1>Which picture is better?</h1>"
      f"<p>{pairs} of pictures, each made from one prompt. Say which of the two shows "
      "better what was asked for, or that they are equally good. You can stop at any "
      f"time and go on under the same name.</p>{alert}<form action='rate' method='get'>"
      "<label for='rater'>Your name</label>"
      f"<input type='text' id='rater' name='rater' required maxlength='40' "
      f"autocomplete='off' autofocus value='{html.escape(name)}'{described}>"
      "<button class='main'>Start</button></form></section></main>"), nonce)


def rate(ballot: Ballot, place: int, nonce: str, problem: str = "") -> str:
  """One pair.

  Args:
    ballot: of the rater.
    place: which pair, in the rater's order.
    nonce: of the page's style and script.
    problem: why the last vote was not stored, or ''.
  """
  item, done, count = ballot.items[place], ballot.done(), len(ballot.items)
  voted = ballot.voted(item)
  alert = f"<p role='alert'>{html.escape(problem)}</p>" if problem else ""
  source = ""
  if item.input is not None:
    source = ("<figure class='input'>"
              f"{_picture(ballot, place, 'input', 'The picture to edit')}"
              "<figcaption>input</figcaption></figure>")
  two = "".join(
      f"<figure{' class=mine' if voted == side else ''}>"
      f"{_picture(ballot, place, side, f'{side.capitalize()} picture')}"
      f"<figcaption>{side}</figcaption></figure>" for side in ("left", "right"))
  buttons = "".join(
      f"<button name='choice' value='{value}' data-key='{value}' "
      f"aria-pressed='{str(voted == value).lower()}'>{words}"
      f"<kbd aria-hidden='true'>{key}</kbd></button>"
      for value, words, key in (("left", "Left is better", "←"),
                                ("tie", "Equally good", "↓"),
                                ("right", "Right is better", "→")))
  back = onward = ""
  if place:
    back = (f"<a data-key='back' href='{_rate(ballot, place - 1)}'>Back"
            "<kbd aria-hidden='true'>Backspace</kbd></a>")
  if voted:
    onward = f"<a href='{_rate(ballot)}'>To the first pair without a vote</a>"
  ahead = ""
  if place + 1 < count:
    ahead = " ".join(_source(ballot, place + 1, side) for side in ("left", "right"))
  return _page(f"Pair {place + 1} of {count}", (
      "<main class='page rate'><div class='top'><h1>Which picture is better?</h1>"
      f"<span>Pair {place + 1} of {count}</span><span>{done} voted</span>"
      f"<span>{html.escape(ballot.rater)}</span></div>"
      f"<progress aria-label='Pairs with your vote' max='{count}' value='{done}'>"
      f"{done} of {count}</progress>{alert}"
      "<p role='alert' data-broken hidden>A picture could not be loaded; reload the "
      "page.</p>"
      f"<div class='asked'><p><span class='label'>Prompt</span>"
      f"{html.escape(item.prompt)}</p></div>"
      f"<div class='two{' three' if source else ''}'>{source}{two}</div>"
      "<form class='vote' method='post' action='vote'>"
      f"<input type='hidden' name='rater' value='{html.escape(ballot.rater)}'>"
      f"<input type='hidden' name='item' value='{html.escape(item.name)}'>"
      f"{buttons}</form><nav aria-label='Pairs'><span>{back}</span>"
      f"<span>{onward}</span></nav>"
      f"<span hidden data-ahead='{html.escape(ahead)}'></span></main>"), nonce, True)


def finished(ballot: Ballot, nonce: str) -> str:
  """Thanks, when every pair has a vote."""
  last = len(ballot.items) - 1
  pairs = "The pair has" if last == 0 else f"All {last + 1} pairs have"
  return _page("All done", (
      "<main class='page'><section class='small'><h1>All done</h1>"
      f"<p>{pairs} your vote. Thank you, {html.escape(ballot.rater)}.</p>"
      f"<p><a data-key='back' href='{_rate(ballot, last)}'>Back to the last pair"
      "<kbd aria-hidden='true'>Backspace</kbd></a></p><p><a href='.'>Another rater"
      "</a></p></section></main>"), nonce, True)


def wrong(title: str, text: str, nonce: str) -> str:
  """A mistake in the address, or of ours."""
  return _page(title, f"<main class='page'><section class='small'><h1>"
               f"{html.escape(title)}</h1><p>{html.escape(text)}</p></section></main>",
               nonce)


def _rate(ballot: Ballot, place: int | None = None) -> str:
  query = {"rater": ballot.rater} | ({} if place is None else {"n": place})
  return html.escape("rate?" + urllib.parse.urlencode(query))


def _source(ballot: Ballot, place: int, side: str) -> str:
  query = urllib.parse.urlencode({"rater": ballot.rater, "n": place})
  return f"picture/{side}?{query}"


def _picture(ballot: Ballot, place: int, side: str, alt: str) -> str:
  source = html.escape(_source(ballot, place, side))
  return (f"<a href='{source}' target='_blank' rel='noopener' "
          f"title='Open at full size'><img src='{source}' alt='{alt}'></a>")
