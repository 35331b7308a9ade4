#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The other side of image_bench: one pass over the photos of a tar, on one thread, for each line of standard input.

    image_peer.py PHOTOS.tar        pillow | io  ->  seconds

`pillow`: Pillow's convert("RGB") and torchvision's Resize(256), CenterCrop(224), ToTensor. `io`: torchvision.io.decode_jpeg and the same steps of
transforms.v2 on tensors. The first line that it prints names the versions.
"""
import io
import sys
import tarfile
import time

import numpy
import PIL.Image
import torch
import torchvision
from torchvision import transforms
from torchvision.transforms import v2


def main():
    torch.set_num_threads(1)
    with tarfile.open(sys.argv[1]) as archive:
        photos = [archive.extractfile(member).read() for member in archive if member.isfile()]
    tensors = [torch.from_numpy(numpy.frombuffer(photo, dtype=numpy.uint8).copy()) for photo in photos]
    on_images = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    on_tensors = v2.Compose([v2.Resize(256, antialias=True), v2.CenterCrop(224), v2.ToDtype(torch.float32, scale=True)])

    def pillow():
        for photo in photos:
            on_images(PIL.Image.open(io.BytesIO(photo)).convert("RGB"))

    def tensor_io():
        for tensor in tensors:
            on_tensors(torchvision.io.decode_jpeg(tensor, mode=torchvision.io.ImageReadMode.RGB))

    passes = {"pillow": pillow, "io": tensor_io}
    print(f"Pillow {PIL.__version__}, torchvision {torchvision.__version__}, torch {torch.__version__}", flush=True)
    with torch.inference_mode():
        for line in sys.stdin:
            start = time.perf_counter()
            passes[line.strip()]()
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()
