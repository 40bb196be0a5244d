"""Options of the command line client: every name that FunASR's own client has, and a few more."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from .texts import Pick, UsageError

DEFAULT_PORT = 10095
LANGUAGES = ("auto", "zh", "en", "ja", "ko", "yue")
OUTPUT_SUFFIXES = (".txt", ".srt", ".vtt", ".json")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"{message} (--help shows all options).", f"{message}（--help 显示全部选项）。"
        )


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Adds the default to every option that has one worth showing."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        shown = isinstance(action.default, str | int | float) and action.default is not False
        if shown and action.default not in ("", argparse.SUPPRESS):
            text += " [%(default)s]"
        return text


def build_parser(pick: Pick, program: str | None = None) -> argparse.ArgumentParser:
    """Return the parser with help texts in the reader's language."""
    parser = _Parser(
        prog=program,
        formatter_class=_Formatter,
        description=pick(
            "Speech recognition client for FunASR-protocol servers: files, lists, microphone.",
            "FunASR 协议语音识别客户端：识别文件、列表和麦克风。",
        ),
        epilog=_epilog(pick),
        add_help=False,
    )
    _add_server(parser.add_argument_group(pick("server", "服务器")), pick)
    _add_audio(parser.add_argument_group(pick("audio", "音频")), pick)
    _add_recognition(parser.add_argument_group(pick("recognition", "识别")), pick)
    _add_results(parser.add_argument_group(pick("results", "结果")), pick)
    return parser


def _add_server(group: Any, pick: Pick) -> None:
    add = group.add_argument
    add(
        "--host",
        default="127.0.0.1",
        help=pick(
            "host name, or an address like wss://host:port", "主机名，也可写成 wss://主机:端口"
        ),
    )
    add(
        "--port",
        type=_number(int, 1, 65535),
        metavar="N",
        help=pick(f"port [{DEFAULT_PORT}]", f"端口 [{DEFAULT_PORT}]"),
    )
    add(
        "--ssl",
        type=int,
        choices=(0, 1),
        default=0,
        help=pick("1 = encrypted connection (wss)", "1 = 加密连接（wss）"),
    )
    add(
        "--url",
        help=pick(
            "complete address instead of --host, --port and --ssl",
            "完整地址，代替 --host、--port 和 --ssl",
        ),
    )
    add(
        "--token",
        help=pick(
            "access token; better in the environment: FUNASR_WSS_TOKEN",
            "访问令牌，建议用环境变量 FUNASR_WSS_TOKEN",
        ),
    )
    add(
        "--verify",
        type=int,
        choices=(0, 1),
        help=pick(
            "1 = check the server's certificate [0, as in FunASR's client]",
            "1 = 校验服务器证书 [0，与 FunASR 客户端相同]",
        ),
    )
    add(
        "--ca_file",
        metavar="FILE",
        help=pick("check the certificate against this authority (PEM)", "用此 CA 证书（PEM）校验"),
    )
    add(
        "--result_timeout",
        type=_number(float, 0),
        default=300,
        metavar="SECONDS",
        help=pick(
            "longest wait for the final result, 0 = for ever", "等待最终结果的上限，0 = 不限"
        ),
    )


def _add_audio(group: Any, pick: Pick) -> None:
    add = group.add_argument
    add(
        "--audio_in",
        nargs="+",
        metavar="FILE",
        help=pick(
            "WAV, PCM, MP3, M4A, FLAC, OGG ... files, Kaldi .scp lists (id path), "
            "- = PCM from standard input; without it the microphone is used",
            "WAV、PCM、MP3、M4A、FLAC、OGG 等文件，Kaldi .scp 列表（每行：id 路径），"
            "- = 标准输入的 PCM；不给则用麦克风",
        ),
    )
    add(
        "--mic",
        action="store_true",
        help=pick("record from the microphone until Ctrl-C", "麦克风录音，Ctrl-C 结束"),
    )
    add(
        "--audio_fs",
        type=_number(int, 1000, 384000),
        default=16000,
        metavar="HZ",
        help=pick("sampling rate of .pcm and .raw files", ".pcm、.raw 文件的采样率"),
    )
    add(
        "--speed",
        type=_number(float, 0),
        metavar="X",
        help=pick(
            "1 = real time, 4 = four times faster, 0 = unlimited [0 offline, else 1]",
            "1 = 实时，4 = 四倍速，0 = 不限速 [offline 为 0，其他为 1]",
        ),
    )
    add("--send_without_sleep", action="store_true", help=pick("same as --speed 0", "同 --speed 0"))
    add(
        "--thread_num",
        type=_number(int, 1, 1000),
        default=1,
        metavar="N",
        help=pick(
            "files recognised at the same time, a connection each",
            "同时识别的文件数，每个文件一个连接",
        ),
    )


def _add_recognition(group: Any, pick: Pick) -> None:
    add = group.add_argument
    add(
        "--mode",
        choices=("2pass", "online", "offline"),
        default="2pass",
        help=pick(
            "2pass = live text, then corrected sentences; online = live; offline = whole files",
            "2pass = 实时出字再逐句修正；online = 实时；offline = 整个文件",
        ),
    )
    add(
        "--language",
        "--svs_lang",
        choices=LANGUAGES,
        default="auto",
        help=pick("language spoken", "语种"),
    )
    add(
        "--hotword",
        default="",
        metavar="FILE|TEXT",
        help=pick(
            "file with a word and its weight a line, or the words themselves",
            "热词文件（每行：词 权重），或直接写热词",
        ),
    )
    add(
        "--itn",
        "--use_itn",
        type=int,
        choices=(0, 1),
        default=1,
        help=pick("1 = numbers as digits, 0 = as spoken", "1 = 数字写成阿拉伯数字，0 = 按读音"),
    )
    add(
        "--chunk_size",
        type=_chunk_size,
        default="5,10,5",
        metavar="A,B,C",
        help=pick(
            "in 60 ms frames; B is the interval between partial results",
            "单位 60 毫秒，B 是中间结果的间隔",
        ),
    )
    add(
        "--chunk_interval",
        type=_number(int, 1, 1000),
        default=10,
        metavar="N",
        help=pick("packets sent per chunk", "每个 chunk 分几包发送"),
    )
    add(
        "--encoder_chunk_look_back",
        type=_number(int, -1, 1000),
        default=4,
        metavar="N",
        help=pick("for streaming models", "供流式模型使用"),
    )
    add(
        "--decoder_chunk_look_back",
        type=_number(int, -1, 1000),
        default=0,
        metavar="N",
        help=pick("for streaming models", "供流式模型使用"),
    )


def _add_results(group: Any, pick: Pick) -> None:
    add = group.add_argument
    add(
        "--output",
        type=_output,
        action="append",
        default=[],
        metavar="FILE",
        help=pick(
            "write the text to a .txt, .srt, .vtt or .json file; may be repeated",
            "把结果写入 .txt、.srt、.vtt 或 .json 文件，可多次使用",
        ),
    )
    add(
        "--output_dir",
        type=Path,
        metavar="DIR",
        help=pick(
            "add lines 'name<TAB>text' to DIR/text.N, one file a stream",
            "把“名称<TAB>文本”逐行追加到 DIR/text.N，每路一个文件",
        ),
    )
    add(
        "--words_max_print",
        type=_number(int, 1),
        default=10000,
        metavar="N",
        help=pick("print at most the last N characters of a sentence", "每句最多显示末尾 N 个字符"),
    )
    add(
        "--log_dir",
        type=Path,
        metavar="DIR",
        help=pick(
            "write every server message to DIR/NAME.jsonl", "把服务器消息写入 DIR/名称.jsonl"
        ),
    )
    add(
        "--log_flush_every",
        type=_number(int, 1),
        default=1,
        metavar="N",
        help=pick("flush those files every N messages", "每 N 条消息刷新一次日志文件"),
    )
    add("-h", "--help", action="help", help=pick("show this text", "显示本帮助"))


def _epilog(pick: Pick) -> str:
    return pick(
        """examples:
  %(prog)s --audio_in meeting.wav
  %(prog)s --mode offline --audio_in talk.mp3 --output talk.srt --output talk.json
  %(prog)s --host 10.0.0.5 --ssl 1 --mic --hotword hotwords.txt
  %(prog)s --audio_in wav.scp --thread_num 4 --speed 0 --output_dir results
  %(prog)s --url wss://example.com/asr --verify 1 --audio_in interview.flac

exit codes: 0 ok, 1 recognition failed, 2 wrong usage or unreadable file, 3 cannot connect,
130 stopped with Ctrl-C before the end of a file""",
        """示例：
  %(prog)s --audio_in meeting.wav
  %(prog)s --mode offline --audio_in talk.mp3 --output talk.srt --output talk.json
  %(prog)s --host 10.0.0.5 --ssl 1 --mic --hotword hotwords.txt
  %(prog)s --audio_in wav.scp --thread_num 4 --speed 0 --output_dir results
  %(prog)s --url wss://example.com/asr --verify 1 --audio_in interview.flac

退出码：0 成功，1 识别失败，2 用法错误或文件不可读，3 无法连接，130 文件未完时被 Ctrl-C 中断""",
    )


def _number(kind: type[int] | type[float], low: float, high: float = float("inf")) -> Any:
    def convert(text: str) -> float:
        value = kind(text)
        if not low <= value <= high or value == float("inf"):
            raise ValueError(text)
        return value

    convert.__name__ = f"number >= {low:g}" if high == float("inf") else f"number {low:g}-{high:g}"
    return convert


def _chunk_size(text: str) -> tuple[int, int, int]:
    parts = [int(part) for part in text.strip().strip("[]()").split(",")]
    if len(parts) != 3 or min(parts) < 0 or not 1 <= parts[1] <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not three numbers like 5,10,5")
    return parts[0], parts[1], parts[2]


def _output(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in OUTPUT_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end in {', '.join(OUTPUT_SUFFIXES)}")
    return path
