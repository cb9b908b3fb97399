"""Spoilt bytes: a valid file with a few bytes flipped, put in, left out, cut off or doubled."""

from hypothesis import strategies as st


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """A file that was valid before up to four accidents; accidents near the head, where formats keep their lengths, are
    as likely as all others."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        end = min(len(data), 64) if draw(st.booleans()) else len(data)
        at = draw(st.integers(0, end - 1))
        accident = draw(st.sampled_from(("flip", "set", "insert", "delete", "cut", "double")))
        if accident == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif accident == "set":
            data[at] = draw(st.sampled_from((0, 1, 9, 10, 32, 34, 44, 45, 57, 92, 127, 128, 254, 255)))
        elif accident == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif accident == "delete":
            del data[at : at + draw(st.integers(1, 16))]
        elif accident == "cut":
            del data[at:]
        else:
            length = draw(st.integers(1, 64))
            data[at:at] = data[at : at + length]
    return bytes(data)
