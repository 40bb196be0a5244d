"""Programs that use third-party clients as their documentation shows, run in other interpreters.

Each prints one JSON object, what its client gave it, on the last line. Arguments: the address of
the server, an audio file, the mode.
"""

ASYNC_FUNASR_CLIENT = """
import asyncio, json, sys
from funasr_client import async_file_asr

uri, path, mode = sys.argv[1:]
result = asyncio.run(async_file_asr(path, uri, mode=mode, start_time=1_000_000))
print(json.dumps(result))
"""
"""``funasr-client``: a file through its function that joins the messages."""

ASYNC_FUNASR_CLIENT_STREAM = """
import asyncio, json, sys, wave
from funasr_client import async_funasr_client

async def main(uri, path, mode):
    messages = []
    client = async_funasr_client(uri, mode=mode, callback=messages.append)
    await client.connect()
    with wave.open(path) as file:
        while data := file.readframes(960):
            await client.send(data)
    await client.close()
    print(json.dumps({"messages": messages}))

asyncio.run(main(*sys.argv[1:]))
"""
"""``funasr-client``: a stream with a callback, closed when the final is there."""

FUNASR_PYTHON = """
import asyncio, json, sys
from funasr_client import AsyncFunASRClient
from funasr_client.callbacks import SimpleCallback
from funasr_client.models import RecognitionMode

async def main(uri, path, mode):
    partials, errors = [], []
    callback = SimpleCallback(
        on_partial=lambda result: partials.append(result.text),
        on_error=lambda error: errors.append(str(error)),
    )
    client = AsyncFunASRClient(server_url=uri, mode=RecognitionMode(mode))
    result = await client.recognize_file(path, callback)
    await client.close()
    print(json.dumps({"text": result.text, "partials": partials, "errors": errors}))

asyncio.run(main(*sys.argv[1:]))
"""
"""``funasr-python``: a file with partial results."""

FUNASR_PYTHON_SHORT = """
import json, sys
from funasr_client import recognize_file

uri, path, mode = sys.argv[1:]
print(json.dumps({"text": recognize_file(path, server_url=uri, mode=mode)}))
"""
"""``funasr-python``: the one-line function of its introduction."""

NODE_FUNASR_CLIENT = """
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [uri, path, mode, module] = process.argv.slice(2)
if (!globalThis.WebSocket) globalThis.WebSocket = (await import('undici')).WebSocket
const { FunASRClient } = await import(pathToFileURL(module).href)
const messages = []
const config = mode ? { mode } : undefined
const client = new FunASRClient({ url: uri, decode: true, startTime: 1000000, config,
  onMessage: (message) => messages.push(message) })
await client.connect()
const audio = readFileSync(path).subarray(44)
for (let at = 0; at < audio.length; at += 1920) client.send(new Uint8Array(audio.subarray(at, at + 1920)))
await client.close()
console.log(JSON.stringify({ messages }))
process.exit(0)
"""
