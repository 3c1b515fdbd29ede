"""The line between the house and the marketplace: it can be cut and it can be slow."""

import asyncio
import contextlib
import threading

from trials.house import free_port


class Line:
    """Passes bytes on between `port` and where it leads, in a thread of its own."""

    def __init__(self) -> None:
        self.port, self.leads_to = free_port(), 0
        self.is_cut, self.delay = False, 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        listening = threading.Event()
        threading.Thread(target=self._run, args=[listening], daemon=True).start()
        listening.wait()

    def cut(self) -> None:
        """Whatever is on its way is lost, and nobody gets through until it is mended."""
        self.is_cut = True
        self._loop.call_soon_threadsafe(self._drop)

    def mend(self) -> None:
        self.is_cut, self.delay = False, 0.0

    def slow(self, seconds: float) -> None:
        """Every piece takes so long, each way."""
        self.delay = seconds

    def _run(self, listening: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", self.port))
        listening.set()
        self._loop.run_forever()

    def _drop(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.leads_to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        self._open -= {writer, far_writer}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(piece)
                await writer.drain()
        writer.close()
