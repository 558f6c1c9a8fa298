"""Packaging. Lower bounds here; `constraints.txt` pins the set that was tested."""

import setuptools

setuptools.setup(
    name="vision-banana",
    version="0.1.0",
    description=(
        "An open reproduction of 'Image Generators are Generalist Vision "
        "Learners' in JAX."),
    long_description=open("README.md", encoding="utf-8").read(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    # Configs too, so that they are found where the package was installed without a clone.
    packages=[*setuptools.find_packages(include=["vision_banana*"]),
              "vision_banana.configs"],
    package_dir={"vision_banana.configs": "configs"},
    package_data={"vision_banana": ["embedded/**/*"]},
    entry_points={
        "console_scripts": ["vision-banana=vision_banana.main:main"]},
    install_requires=[
        "absl-py>=2.1",
        # array_record is how TFDS stores and grain reads without tensorflow.
        "array-record>=0.8",
        "clu>=0.0.12",  # Parameter overviews.
        "flax>=0.12",
        "grain>=0.2.15",
        "importlib_resources>=6.4",  # TFDS writes no dataset without it.
        "jax>=0.10",
        "ml-collections>=1.0",
        "numpy>=2.0",
        "optax>=0.2.5",
        "orbax-checkpoint>=0.11.30",
        "pillow>=10.3",
        "protobuf>=5",
        "pyarrow>=17",  # A user's own data in parquet, as datasets are shared.
        "safetensors>=0.5",
        "scipy>=1.13",  # Connected components, Hungarian matching.
        "tensorboardX>=2.6",  # Event files without tensorflow.
        "tensorflow-datasets>=4.9.9",
        "tokenizers>=0.21",
        "tqdm>=4.66",
    ],
    extras_require={
        "test": [
            "h5py>=3.10",  # Files of HyperSim and NYUv2, see `eval` and `build`.
            "hilbertmap==0.1.3",  # The depth colour curve we must equal.
            "hypothesis>=6.100",
            "matplotlib>=3.9",  # The published colour maps, to compare with.
            "opencv-python-headless>=4.9",
            "pytest>=8.0",
            "pytest-xdist>=3.6",
            "scikit-image>=0.24",  # Carries the one real photograph.
        ],
        "render": [
            "fast-simplification>=0.1.9",  # Decimates scanned meshes.
            "mitsuba~=3.9.1",  # How it pads environment maps is relied on.
            # Open Image Denoise; there is no wheel for Linux on ARM.
            "pyoidn>=2.5; platform_system != 'Linux' or platform_machine == 'x86_64'",
            "trimesh>=4.5",  # Reads meshes.
        ],
        # Published benchmarks: NYUv2 is HDF5; ReasonSeg's masks are what OpenCV fills,
        # which also reads the 16-bit RGB of Virtual KITTI 2.
        "eval": ["h5py>=3.10", "opencv-python-headless>=4.9"],
        "build": ["h5py>=3.10"],  # HyperSim is HDF5.
        # Gemini, where the paper asks a language model.
        "google": ["google-genai>=1.40"],
        "tpu": ["jax[tpu]>=0.10"],
        # The PyTorch reference: for making goldens, never for running.
        "goldens": [
            "diffusers==0.42.1",
            "torch==2.13.0",
            "transformers==5.23.0",
        ],
        "notebooks": [
            "ipykernel>=6.29",
            "matplotlib>=3.9",
            "nbclient>=0.10",
        ],
    },
)
