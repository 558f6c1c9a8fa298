"""The one exception a user is meant to read."""


class UserError(Exception):
  """Bad input of any kind.

  The message is one line that names the thing that is wrong and the fix. The
  command line prints it without a traceback and exits with status 2.
  """
