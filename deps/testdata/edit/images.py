import zlib, struct, os
def png(path, rgb, n=16):
    raw = b"".join(b"\0" + bytes(rgb) * n for _ in range(n))
    def chunk(t, d): return struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d))
    open(path, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", n, n, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
os.makedirs("img", exist_ok=True)
for s in range(1, 10):
    for n in range(1001, 1049):
        v = (n - 1000) * 5
        png("img/sh%02d0.%04d.png" % (s, n), (v, v, v))
