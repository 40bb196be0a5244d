"""Command line, environment and validation of the server's settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from funasr_wss.config import ConfigError, Listener, ServerConfig, build_parser, load_config

MODELS = ("asr_model", "asr_model_online", "vad_model", "punc_model")
KNOWN_OPTIONS = [
    *("host", "port", "ngpu", "device", "ncpu", "certfile", "keyfile", "fp16"),
    *(name + suffix for name in MODELS for suffix in ("", "_revision")),
]


def test_defaults() -> None:
    config = load_config([], {})
    assert config == ServerConfig()
    assert (config.host, config.port, config.scheme) == ("127.0.0.1", 10095, "ws")
    assert config.listeners == (Listener(10095),)


@pytest.mark.parametrize("name", KNOWN_OPTIONS)
def test_known_option_names_are_kept(name: str) -> None:
    assert f"--{name} " in build_parser().format_help().replace("\n", " ")


@pytest.mark.parametrize("field", dataclasses.fields(ServerConfig), ids=lambda field: field.name)
def test_every_option_is_an_environment_variable(
    field: dataclasses.Field[object], tmp_path: Path
) -> None:
    value = {"profile": "embedded", "device": "cpu", "language": "ja", "log_level": "debug"}
    text = value.get(field.name, "10096,is_final=segment" if field.name == "listener" else "1")
    environ = {f"FUNASR_WSS_{field.name.upper()}": text}
    if field.name == "auth_token_file":
        path = tmp_path / "tokens"
        path.touch()
        text = str(path)
        environ = {"FUNASR_WSS_AUTH_TOKEN_FILE": text}
    if field.name in ("certfile", "keyfile"):
        pem = tmp_path / "1"
        pem.touch()
        environ = {"FUNASR_WSS_CERTFILE": str(pem), "FUNASR_WSS_KEYFILE": str(pem)}
        text = str(pem)
    got = getattr(load_config([], environ), field.name)
    assert str(got) in (text, f"{text}.0", "True")


def test_command_line_wins_over_the_environment() -> None:
    environ = {"FUNASR_WSS_PORT": "1", "FUNASR_WSS_HOST": "0.0.0.0"}
    config = load_config(["--port", "2"], environ)
    assert (config.port, config.host) == (2, "0.0.0.0")


def test_flags_take_values_or_stand_alone() -> None:
    assert load_config(["--fp16"], {}).fp16 is True
    assert load_config(["--fp16", "0"], {}).fp16 is False
    assert load_config(["--web=no"], {}).web is False


def test_listeners() -> None:
    config = load_config(["--listener", "10096,is_final=segment; 10097,online=native"], {})
    assert config.listeners[1:] == (
        Listener(10096, {"is_final": "segment"}),
        Listener(10097, {"online": "native"}),
    )
    plain = load_config(["--listener", "10098,tls=0,auth=0,partial=cumulative"], {}).listeners[1]
    assert plain == Listener(10098, {"partial": "cumulative"}, tls=False, auth=False)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--port", "70000"], "70000"),
        (["--listener", "x"], "'x' is not a port"),
        (["--listener", "10096,is_final=maybe"], "unknown switch"),
        (["--listener", "10096,nonsense=1"], "unknown switch"),
        (["--listener", "10095"], "twice"),
        (["--certfile", "a.pem"], "both"),
        (["--certfile", "/no/such", "--keyfile", "/no/such"], "no file"),
        (["--max_connections", "0"], "max_connections"),
        (["--idle_timeout_s", "nan"], "idle_timeout_s"),
        (["--ncpu", "-1"], "ncpu"),
    ],
)
def test_wrong_values_are_explained(options: list[str], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_config(options, {})


@pytest.mark.parametrize("options", [["--no_such"], ["--port", "x"], ["--fp16", "maybe"]])
def test_usage_errors_are_one_line(options: list[str]) -> None:
    with pytest.raises(ConfigError, match=options[0]) as wrong:
        load_config(options, {})
    assert "\n" not in str(wrong.value) and "--help" in str(wrong.value)


def test_the_environment_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="FUNASR_WSS_PORT"):
        load_config([], {"FUNASR_WSS_PORT": "many"})
