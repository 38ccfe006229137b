"""Reads browser and device from a User-Agent header (RFC 9110 section 10.1.5), as far as webhooks tell them."""

import re

MAX_CHARS = 512

# Later browsers name the earlier ones too, so the first that fits counts.
_BROWSERS = (
    ("Edge", r"\bEdg(?:e|A|iOS)?/([\d.]+)"),
    ("Opera", r"\bOPR/([\d.]+)"),
    ("Samsung Internet", r"\bSamsungBrowser/([\d.]+)"),
    ("Firefox", r"\b(?:Firefox|FxiOS)/([\d.]+)"),
    ("Chrome", r"\b(?:Chrome|CriOS|HeadlessChrome)/([\d.]+)"),
    ("Safari", r"\bVersion/([\d.]+)[^()]* Safari/"),
)
_DEVICES = (
    ("iPhone", "mobile", "Apple", r"\biPhone\b"),
    ("iPad", "tablet", "Apple", r"\biPad\b"),
    ("Macintosh", None, "Apple", r"\bMacintosh\b"),
)
_ANDROID = re.compile(r"\bAndroid [\d.]+; ([^;)]{1,64})")


def browser_of(text: str) -> dict[str, object]:
    """Names the browser and its version; empty when it is none that we know."""
    for name, pattern in _BROWSERS:
        if match := re.search(pattern, text[:MAX_CHARS]):
            return {"name": name, "version": match[1]}
    return {}


def device_of(text: str) -> dict[str, object]:
    """Names the device as far as browsers tell; empty for what they do not."""
    text = text[:MAX_CHARS]
    for model, kind, vendor, pattern in _DEVICES:
        if re.search(pattern, text):
            return {"model": model, **({"type": kind} if kind else {}), "vendor": vendor}
    if match := _ANDROID.search(text):
        return {"model": match[1].strip(), "type": "mobile" if "Mobile" in text else "tablet"}
    return {}
