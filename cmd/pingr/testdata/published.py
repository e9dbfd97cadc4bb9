"""What a customer's program does, who has a published hey-pingr and changes the base URL only."""

import asyncio
import json
import sys

import pingr

url, live, test, to = sys.argv[1:]


def tried(what):
    try:
        return what()
    except pingr.PingrError as e:
        return {"class": type(e).__name__, "code": e.code, "status": e.status, "retry_after": e.retry_after, "message": e.message}


def client(key):
    return pingr.Pingr(key, base_url=url)


async def sent_async(key):
    async with pingr.AsyncPingr(key, base_url=url) as c:
        return await c.messages.send(to="15550100009", message="Simulated.")


said = {}
if hasattr(client(live), "messages"):  # 0.1
    said["sent"] = tried(lambda: client(live).messages.send(to="+" + to, message="Your OTP is 482910"))
    said["again"] = tried(lambda: client(live).messages.send(to=to, message="Your OTP is 482911", session_id="shop"))
    said["test"] = tried(lambda: client(test).messages.send(to=to, message="Simulated."))
    said["async"] = tried(lambda: asyncio.run(sent_async(test)))
    said["stranger"] = tried(lambda: client("pk_live_nobody").messages.send(to=to, message="x"))
    said["long"] = tried(lambda: client(live).messages.send(to=to, message="x" * 5000))
    said["nowhere"] = tried(lambda: client(live).messages.send(to=to, message="x", session_id="nowhere"))
said["hooks"] = []
for line in sys.stdin:
    hook = json.loads(line)
    said["hooks"].append(tried(lambda: client(live).verify_webhook(hook["body"], hook["signature"], hook["secret"])))
print(json.dumps(said))
