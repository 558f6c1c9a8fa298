"""c, without training a generator: what of a depth map survives each way to paint it.

    python -m experiments.ablations.codec_errors --seeds 0,1,2

Depth of the held-out rooms is painted, spoiled and read back: through 8 bits, with
noise on its colours, and through an autoencoder with noise on its latents, as a
generator that errs a little would make. The autoencoder is FLUX.2's
(`models/autoencoder.py`) with two stages of 16 and 32 channels in place of four of 128
to 512, and the same 6 numbers in for each one out. Its published weights are not used:
it is fitted here, to training rooms, half of the crops photos and half depth in the
codecs compared, each as often as any other, so that none is favoured. A real one has
seen few depth maps and hundreds of millions of photos. Errors of the fitted one are
comparable with each other, not with FLUX.2's.
"""

import argparse
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from vision_banana.codecs import depth as depth_codec
from vision_banana.codecs import metrics
from vision_banana.data import sources
from vision_banana.eval import files
from vision_banana.models.autoencoder import Autoencoder, AutoencoderConfig

from experiments.ablations.c_depth_codec import CODECS, FAR

OUT = pathlib.Path(__file__).parent / "results" / "c_codec_errors.json"
SIZES = AutoencoderConfig(
    stage_channels=(16, 32), layers_per_stage=1, latent_channels=2, norm_groups=8)
CROP, BATCH, RATE = 32, 16, 3e-3
POOL = 8192  # Crops that are made to fit to.
FIT_NOISE = 0.1  # On latents of unit spread, as the sampling of a VAE.
PIXEL_NOISE = (0.01, 0.03, 0.1)
LATENT_NOISE = (0.0, 0.1, 0.2, 0.4)


def paint(metres: np.ndarray, codec: str) -> jax.Array:
  colormap, lam, c, far = CODECS[codec]
  return depth_codec.encode(metres, lam, c, colormap, far)


def read(rgb: jax.Array, codec: str) -> jax.Array:
  colormap, lam, c, far = CODECS[codec]
  return depth_codec.decode(rgb, lam, c, colormap, far)


def errors(rgb: jax.Array, true: np.ndarray, codec: str) -> dict[str, float]:
  """AbsRel, δ1 and RMSE (m) of pictures [N,H,W,3], as the rooms are scored.

  What is painted is rounded to 8 bits first, as every answer is; depth counts up to
  20 m.
  """
  rounded = jnp.round(jnp.clip(rgb, 0, 1) * 255) / 255
  metres = jnp.clip(read(rounded, codec), 1e-3, FAR)
  valid = np.isfinite(true) & (true <= FAR)
  square = metrics.masked_mean(jnp.square(metres - np.where(valid, true, 0)), valid)
  each = {"abs_rel": metrics.abs_rel(metres, true, valid),
          "delta1": metrics.delta1(metres, true, valid), "rmse": jnp.sqrt(square)}
  return {name: float(values.mean()) for name, values in each.items()}


def pictures(scenes: list[dict], count: int, rng: np.random.Generator) -> np.ndarray:
  """Crops to fit to, float32 [count, CROP, CROP, 3]: half photos, half depth."""
  names, made = list(CODECS), []
  for n in range(count):
    scene = scenes[rng.integers(len(scenes))]
    y, x = rng.integers(0, scene["image"].shape[0] - CROP + 1, 2)
    window = slice(y, y + CROP), slice(x, x + CROP)
    if n % 2:
      made.append(scene["image"][window].astype(np.float32) / 255)
    else:
      made.append(np.asarray(paint(scene["depth"][window],
                                   names[n // 2 % len(names)])))
  return np.stack(made)


def fit(scenes: list[dict], steps: int, seed: int):
  """Fits an autoencoder; (encode, decode, mean squared error of the last 100 steps).

  Latents have zero mean and unit spread, as FLUX.2's batch norm makes them.
  """
  rng, key = np.random.default_rng(seed), jax.random.key(seed)
  graph, params, rest = nnx.split(
      Autoencoder(SIZES, nnx.Rngs(seed)), nnx.Param, ...)
  tx = optax.adam(optax.cosine_decay_schedule(RATE, steps))
  state = tx.init(params)

  def latents(params, rgb):
    return nnx.merge(graph, params, rest).encode(rgb)

  def loss(params, rgb, key):
    z = latents(params, rgb)
    z = (z - z.mean((0, 1, 2))) / jnp.sqrt(z.var((0, 1, 2)) + 1e-6)
    z = z + FIT_NOISE * jax.random.normal(key, z.shape)
    return jnp.square(nnx.merge(graph, params, rest).decode(z) - rgb).mean()

  @jax.jit
  def step(params, state, rgb, key):
    value, grads = jax.value_and_grad(loss)(params, rgb, key)
    updates, state = tx.update(grads, state, params)
    return optax.apply_updates(params, updates), state, value

  pool = pictures(scenes, POOL, rng)
  seen = []
  for n in range(steps):
    batch = pool[rng.integers(len(pool), size=BATCH)]
    params, state, value = step(params, state, batch, jax.random.fold_in(key, n))
    seen.append(value)
  z = jax.jit(latents)(params, pool[:512])
  mean, spread = z.mean((0, 1, 2)), z.std((0, 1, 2))
  encode = jax.jit(lambda rgb: (latents(params, rgb) - mean) / spread)
  decode = jax.jit(nnx.merge(graph, params, rest).decode)
  return encode, decode, float(np.mean(seen[-100:]))


def main(argv: list[str] | None = None) -> None:
  """Runs it; see above."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument("--seeds", default="0,1,2", help="of noise and autoencoder")
  parser.add_argument("--steps", type=int, default=1200, help="of each fit")
  parser.add_argument("--limit", type=int, default=128, help="held-out rooms")
  parser.add_argument("--out", default=str(OUT), help="JSON to write")
  args = parser.parse_args(argv)
  held_out, train = (sources.open_source("rooms", split) for split in ("test", "train"))
  true = np.stack([held_out[i]["depth"] for i in range(min(args.limit, len(held_out)))])
  scenes = [train[i] for i in range(len(train))]
  rows, fitted = [], {}

  def add(codec, channel, seed, rgb):
    rows.append({"codec": codec, "channel": channel, "seed": seed,
                 **errors(rgb, true, codec)})

  for codec in CODECS:
    add(codec, "8 bits", 0, paint(true, codec))
  for seed in (int(s) for s in args.seeds.split(",")):
    key = jax.random.key(seed)
    start = time.monotonic()
    encode, decode, error = fit(scenes, args.steps, seed)
    fitted[str(seed)] = error
    print(f"seed {seed}: fitted in {time.monotonic() - start:.0f} s, mean squared "
          f"error {error:.2g}", flush=True)
    for codec in CODECS:
      rgb = paint(true, codec)
      noise = jax.random.normal(key, rgb.shape)  # The same for every codec.
      for sd in PIXEL_NOISE:
        add(codec, f"colour noise {sd:g}", seed, rgb + sd * noise)
      z = encode(rgb)
      noise = jax.random.normal(key, z.shape)
      for sd in LATENT_NOISE:
        add(codec, f"latent noise {sd:g}", seed, decode(z + sd * noise))
    # After each seed: fits take minutes.
    files.write_all({pathlib.Path(args.out): files.json_text({
        "rooms": len(true), "fit_steps": args.steps, "fit_batch": BATCH,
        "fit_error": fitted, "rows": rows})})


if __name__ == "__main__":
  main()
