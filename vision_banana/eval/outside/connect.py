"""An outside model by the kind of its endpoint."""

from vision_banana.errors import UserError
from vision_banana.eval.outside import endpoint, gemini, openai_compatible

KINDS = {"google": gemini.Gemini, "openai": openai_compatible.OpenAICompatible}


def connect(kind: str, model: str, base_url: str | None = None,
            settings: endpoint.Settings = endpoint.Settings()) -> endpoint.Endpoint:
  """Makes an endpoint; nothing is sent yet.

  Args:
    kind: 'google' (google-genai) or 'openai' (any compatible server).
    model: its name there.
    base_url: the server's address; None = the kind's own default.
    settings: how it is sampled.

  Raises:
    UserError: an unknown kind, a missing package, key or address.
  """
  if kind not in KINDS:
    raise UserError(f"outside model '{kind}': give one of {', '.join(KINDS)}.")
  return KINDS[kind](model, base_url, settings)
