"""English and Chinese: which one the reader gets, and the Chinese wording of client errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from funasr_wss.client import ClientError

Pick = Callable[[str, str], str]
"""Takes a text in English and in Chinese, returns the one to show."""

CHINESE_ERRORS = {
    "bad_url": "{url} 不是服务器地址，请写成 ws://主机:端口 或 wss://主机:端口。",
    "unreachable": "无法连接 {url}（{detail}）：请确认服务已启动，主机和端口正确。",
    "unresolved": "无法连接 {url}：找不到这个主机名，请检查拼写。",
    "timeout": "无法连接 {url}：{seconds:g} 秒内没有应答，请检查地址和防火墙。",
    "busy": "服务器 {url} 正忙，暂不接受新连接，请稍后再试。",
    "unauthorized": "服务器 {url} 拒绝了访问令牌（HTTP {status}），请提供正确的令牌。",
    "bad_certificate": "{url} 的证书不可信（{detail}）：请指定它的 CA 证书，"
    "或在信任该服务器时关闭证书校验。",
    "bad_tls": "无法与 {url} 建立 TLS 连接（{detail}）：如果服务器没有证书，请用 ws:// 而不是 wss://。",
    "not_websocket": "{url} 处应答的不是普通 WebSocket 服务：请检查端口，"
    "如果对方要求 TLS 请用 wss://。",
    "http_status": "服务器 {url} 以 HTTP {status} 拒绝连接，请检查地址。",
    "proxy": "连接 {url} 时代理出错：{detail}。",
    "lost": "结果还没收全，连接就断开了（{detail}）：服务可能已停止，请重试。",
    "shutdown": "结果还没收全，服务器就关闭了，请等它恢复后重试。",
    "too_large": "一次发送的数据太多，服务器关闭了连接（{detail}）。",
    "no_final": "音频结束后 {seconds:g} 秒内没有收到最终结果，服务器可能负载过高。",
    "failed": "识别失败（{code}）：{detail}",
}


class UsageError(Exception):
    """The command line, or a file it names, cannot be used; one sentence in both languages."""

    def __init__(self, english: str, chinese: str) -> None:
        super().__init__(english)
        self.english, self.chinese = english, chinese


def picker(environ: Mapping[str, str]) -> Pick:
    """Return the choice of language that the locale variables ask for."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    chinese = locale.lower().startswith("zh")
    return lambda english, zh: zh if chinese else english


def sentence(error: ClientError | UsageError, pick: Pick) -> str:
    """Return what the reader is told about ``error``."""
    if isinstance(error, UsageError):
        return pick(error.english, error.chinese)
    return pick(str(error), CHINESE_ERRORS[error.reason].format(**error.fields))
