"""An SMTP server on a free port that keeps what it takes as files, for tests.

Usage: server.py FOLDER. It prints its port. The local part of a recipient decides: nobody is refused for good, later
is refused for now until FOLDER/open exists. Messages become FOLDER/new/NNNN with the envelope on top.
"""

import itertools
import os
import sys
import threading

from aiosmtpd.controller import UnthreadedController
from aiosmtpd.smtp import Envelope
import asyncio

folder = sys.argv[1]
numbers = itertools.count(1)


class Handler:
    async def handle_RCPT(self, server, session, envelope: Envelope, address, options):
        local = address.split("@")[0]
        if local == "nobody":
            return "550 5.1.1 There is no such mailbox"
        if local == "later" and not os.path.exists(os.path.join(folder, "open")):
            return "451 4.7.1 Come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = "%04d" % next(numbers)
        head = "X-Envelope-From: %s\r\nX-Envelope-To: %s\r\n" % (envelope.mail_from, ",".join(envelope.rcpt_tos))
        with open(os.path.join(folder, name), "wb") as file:
            file.write(head.encode() + envelope.original_content)
        os.rename(os.path.join(folder, name), os.path.join(folder, "new", name))
        return "250 Taken"


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
controller = UnthreadedController(Handler(), hostname="127.0.0.1", port=0, loop=loop)
controller.begin()
print(controller.server.sockets[0].getsockname()[1], flush=True)


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
loop.run_forever()
