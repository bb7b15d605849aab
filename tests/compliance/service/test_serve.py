"""Where the server listens."""

from __future__ import annotations

import asyncio
import socket

from compliance.service.serve import _listen
from compliance.service.settings import Settings


def test_answers_are_sent_at_once_and_do_not_wait_for_acknowledgements():
    """asyncio turns Nagle's delay off only on sockets that say that they are TCP."""

    async def delayed() -> bool:
        waits = asyncio.get_running_loop().create_future()

        async def accepted(_reader, writer):
            sock = writer.get_extra_info("socket")
            waits.set_result(not sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with _listen(Settings(port=0)) as listener:
            port = listener.getsockname()[1]
            async with await asyncio.start_server(accepted, sock=listener):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                told = await waits
                writer.close()
                await writer.wait_closed()
        return told

    assert not asyncio.run(delayed())
