#!/usr/bin/python3
# SPDX-License-Identifier: ISC
#
# docs/openapi.json against the service that it describes: every example of a request is sent, with
# ids put in that exist, every answer must be one that is described, and every answer that is
# described must be seen.
#
#   openapi.py DOCUMENT WORK          WORK: a folder with the data folders of four services
#
# Prints "ok NAME" or "not ok NAME" for each thing found, and what was wrong behind "#".

import http.client
import json
import os
import re
import subprocess
import sys
import time

from jsonschema import Draft202012Validator, RefResolver

MAIN, OPEN, INVITE, CALM = 8081, 8082, 8083, 8084  # pow; open; invite; one request a minute

# What no request brings about; tests/scenario/test_api_faults.c does, and looks at the answer.
UNSEEN = {"500"}

CONTINUE = ("Expect", "100-continue")
GARBAGE = "0123456789abcdef0123456789abcdef"
ABSENT = {"flock": "0123456789abcd00", "a": "0123456789abcd00", "b": "0123456789abce00",
          "id": "01234567"}

document = json.load(open(sys.argv[1]))
work = sys.argv[2]
os.chdir(work)

failed = 0
seen = {}  # operationId: statuses
sent = set()  # (operationId, name of the example)


def result(good, name, *why):
    global failed
    failed += not good
    print("ok" if good else "not ok", name)
    if not good:
        for line in why:
            print("#", line)


def follow(part):
    while "$ref" in part:
        at = document
        for name in part["$ref"][2:].split("/"):
            at = at[name]
        part = at
    return part


def each_operation():
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


operations = {o["operationId"]: (m, p, o) for m, p, o in each_operation()}


def is_alias(name):
    return name.endswith("Alias")


def request_content(operation):
    return follow(operation["requestBody"])["content"] if "requestBody" in operation else {}


def body_kind(operation):
    """None, "json", "raw" or "upload"."""
    content = request_content(operation)
    if not content:
        return None
    if "411" in operation["responses"]:
        return "upload"
    return "json" if list(content) == ["application/json"] else "raw"


def upload_size(operation):
    return request_content(operation)["application/octet-stream"]["schema"]["minLength"]


# --- answers ---


def schema_errors(schema, value):
    resolver = RefResolver("", document)
    return [e.message for e in Draft202012Validator(schema, resolver=resolver).iter_errors(value)]


def form(text):
    """What stays the same when ids change."""
    return re.sub(r"kek-0x[0-9a-f]{2}|[0-9a-f]{8,}", "…", text)


def answer_errors(name, answer, raw):
    """What docs/openapi.json does not allow about this answer."""
    described = operations[name][2]["responses"].get(str(answer.status))
    if described is None:
        return ["%d is not described" % answer.status]
    described = follow(described)
    errors = []
    for header, about in described.get("headers", {}).items():
        value = answer.getheader(header)
        if value is None:
            errors.append("no %s" % header)
        elif about["schema"]["type"] == "integer":
            errors += schema_errors(about["schema"], int(value))
    content = described.get("content")
    if content is None:
        return errors + (["%r in an answer without content" % raw] if raw else [])
    kind = (answer.getheader("Content-Type") or "").split(";")[0]
    if kind not in content:
        return errors + ["the type is %s" % kind]
    if kind == "text/plain":
        example = content[kind]["example"]
        if form(example) != form(raw.decode()):
            errors.append("%r is nothing like %r" % (raw.decode(), example))
        return errors
    try:
        value = json.loads(raw)
    except ValueError:
        return errors + ["%r is no JSON" % raw]
    if kind == "application/problem+json" and value.get("status") != answer.status:
        errors.append("the status is %d, and in the body %s" % (answer.status, value.get("status")))
    return errors + schema_errors(content[kind]["schema"], value)


# --- requests ---


def ask(name, want, params=None, query="", token=None, body=None, kind=None, length=None,
        headers=(), port=MAIN, example=None):
    """
    One request of an operation; its answer must be want, and as described.  body: bytes, or what
    becomes JSON; with length that is said, and nothing sent.  Gives what JSON gave.
    """
    method, path, operation = operations[name]
    path = re.sub(r"\{(\w+)\}", lambda m: (params or ABSENT)[m.group(1)], path)
    if isinstance(body, (dict, list)):
        body, kind = json.dumps(body).encode(), kind or "application/json"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path + query, skip_accept_encoding=True)
    if token is not None:
        connection.putheader("x-token", token)
    if kind is not None:
        connection.putheader("Content-Type", kind)
    if length is not None:
        connection.putheader("Content-Length", str(length))
        connection.putheader(*CONTINUE)
    elif body is not None:
        connection.putheader("Content-Length", str(len(body)))
    for header, value in headers:
        connection.putheader(header, value)
    connection.endheaders()
    if body is not None and length is None:
        connection.send(body)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()

    errors = answer_errors(name, answer, raw)
    if answer.status != want:
        errors.append("the status is %d: %s" % (answer.status, raw[:300].decode()))
    if example is not None:
        sent.add((name, example))
    seen.setdefault(name, set()).add(str(answer.status))
    result(not errors, "%s: %d%s" % (name, want, " (%s)" % example if example else ""), *errors)
    return json.loads(raw) if raw[:1] == b"{" else raw


def request_example(name, which):
    for media in request_content(operations[name][2]).values():
        if which in media.get("examples", {}):
            return media["examples"][which]["value"]
    raise KeyError("%s has no example %s" % (name, which))


def query_examples(name):
    """Those of the parameters, as they stand."""
    words = []
    for parameter in map(follow, operations[name][2].get("parameters", [])):
        if parameter["in"] == "query" and "example" in parameter:
            words.append("%s=%s" % (parameter["name"], parameter["example"]))
    return "?" + "&".join(words) if words else ""


def do(name, which=None, params=None, token=None, instead=None, body=None, text=False, port=MAIN):
    """The example of a request, with what is instead of its members; it must succeed."""
    if which is not None:
        body = request_example(name, which)
        if isinstance(body, dict):
            body = {**body, **(instead or {})}
        else:
            body = (instead or body).encode()
    want = int(next(s for s in operations[name][2]["responses"] if s.startswith("2")))
    headers = [("Accept", "text/plain")] if text else []
    return ask(name, want, params, query_examples(name), token, body, headers=headers, port=port,
               example=which)


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        result(False, " ".join(words), done.stderr)
    return done.stdout.strip()


# --- the life of a tenant, once by the names of today and once by the older ones ---


def solved(port=MAIN):
    challenge = do("challenge", port=port)
    nonce = run("reliquary-pow", challenge["challenge"], str(challenge["bits"]))
    return {"challenge": challenge["challenge"], "nonce": nonce}


def bundle(a, b):
    path = "%s-%s.bundle" % (a, b)
    for flock in (a, b):
        if not os.path.exists("tree/" + flock):
            run("reliquary-ambry", "-C", "tree", "generate", flock)
    if a != b:
        run("reliquary-ambry", "-C", "tree", "export", a, b)
        run("reliquary-ambry", "-C", "tree", "export", b, a)
    run("reliquary-ambry", "-C", "tree", "bundle", a, b, "30", os.path.abspath(path))
    return open(path, "rb").read()


def live(token, key, other, alias):
    """other: the token of another account.  Gives the flock, a device and an enrolment that stay."""

    def named(name):
        return name + "Alias" if alias and name + "Alias" in operations else name

    do(named("login"), "key", instead=key)
    do(named("login"), "none")
    flock = do(named("flockCreate"), "labelled", token=token)["id"]
    spare = do(named("flockCreate"), "plain", token=token)["id"]
    do(named("flockCreate"), token=token, text=True)
    here = {"flock": flock}
    do("flockChange", "label", here, token)

    waiting = [do(named("join"), "waits", here)["cathedral_id"] for _ in range(4)]
    raw = do(named("join"), None, here, body=bytes(range(32)))["cathedral_id"]
    do(named("deviceApprove"), "lowest", {**here, "id": waiting[0]}, token)
    do(named("deviceApprove"), "chosen", {**here, "id": waiting[1]}, token)
    do(named("deviceApprove"), None, {**here, "id": raw}, token, text=True)
    do("deviceChange", "label", {**here, "id": waiting[0]}, token)
    do("deviceSecret", None, {**here, "id": waiting[0]}, token)

    enrolment = do("enrolmentCreate", "class", here, token)
    do("enrolmentCreate", "plain", here, token)
    do(named("join"), "enrolled", here, instead={"enrolment_key": enrolment["enrolment_key"]})
    do("enrolmentList", None, here, token)
    do("enrolmentDelete", None, {**here, "id": enrolment["id"]}, token)
    do(named("deviceList"), None, here, token)
    do(named("deviceDelete"), None, {**here, "id": waiting[1]}, token)

    whole = bundle(flock, flock)
    do(named("ambryPut"), None, here, token, body=whole)
    ask(named("ambryPut"), 409, here, token=token, body=whole)
    do(named("flockList"), token=token)

    theirs = do(named("flockCreate"), "plain", token=other)["id"]
    agreement = {"a": flock, "b": theirs}
    between = bundle(flock, theirs)
    do(named("xflockCreate"), None, agreement, token)
    do(named("xflockCreate"), None, agreement, token, text=True)
    ask(named("xflockCreate"), 409, {"a": flock, "b": flock}, token=token)
    ask(named("xambryPut"), 409, agreement, token=token, length=len(between))
    do(named("xflockCreate"), None, {"a": theirs, "b": flock}, other)
    do(named("xambryPut"), None, agreement, token, body=between)
    do(named("xflockList"), token=token)
    do(named("xflockDelete"), None, agreement, token)
    do(named("flockDelete"), None, {"flock": spare}, token)
    return flock, waiting[0]


# --- what cathedrals are told ---


def hears(cathedral, flock, device):
    """All there is, in what is described; and from there on what changes."""
    page = do("feed", token=cathedral)
    while page["more"]:
        page = ask("feed", 200, query="?since=%d&begun=%d" % (page["until"], page["begun"]),
                   token=cathedral)
    told = [f for f in page["flocks"] if f["id"] == flock]
    result(len(told) == 1 and any(d["cathedral_id"] == device for d in told[0]["devices"]),
           "feed: the flock is told with its device")
    result(len(told) == 1 and told[0]["ambry"] is not None, "feed: and with its slice")
    result([c["name"] for c in page.get("cathedrals", [])] == ["vesper"], "feed: so is the fleet")

    known = "?since=%d&database=%s" % (page["until"], page["database"])
    page = ask("feed", 200, query=known + "&wait=1", token=cathedral)
    result(page["flocks"] == [] and not page["reset"], "feed: then there is nothing")
    page = ask("feed", 200, query="?since=1&database=another", token=cathedral)
    result(page["reset"], "feed: of another database nothing is known")
    for query in ("?since=-1", "?begun=x", "?wait=301"):
        ask("feed", 400, query=query, token=cathedral)


# --- what is refused ---


def least(name):
    """The smallest body that is as it should be."""
    base = name.replace("Alias", "")
    if base == "login":
        return b""
    if base == "join":
        return bytes(32)
    if base in ("flockChange", "deviceChange", "heartbeat"):
        examples = request_content(operations[name][2])["application/json"]["examples"]
        return next(iter(examples.values()))["value"]
    return {} if body_kind(operations[name][2]) == "json" else None


def is_of_cathedrals(name):
    return operations[name][2].get("security") == [{"cathedral": []}]


def refused_everywhere(full, cathedral, reader, suspended):
    """What does not depend on what an operation does."""
    for name, (method, path, operation) in operations.items():
        token = cathedral if is_of_cathedrals(name) else full
        responses, kind = operation["responses"], body_kind(operation)
        body = least(name)
        ask(name, 400, headers=[("Host", "another")], token=token)
        ask(name, 413, token=token, length=1 << 30, kind="application/json")
        if "{" in path:
            length = upload_size(operation) if kind == "upload" else None
            params = {n: "0" for n in ABSENT} if name.startswith("join") else None
            ask(name, 404, params, token=token, body=body, length=length)
        if kind == "json":
            ask(name, 415, token=token, body=b"{}", kind="text/plain")
        if kind == "upload":
            ask(name, 411, token=token, headers=[("Transfer-Encoding", "chunked"), CONTINUE])
        if operation.get("security") == []:
            continue
        ask(name, 401, body=body)
        ask(name, 401, token=GARBAGE, body=body)
        if is_of_cathedrals(name):
            ask(name, 401, token=full, body=body)
            continue
        ask(name, 403, token=suspended, body=body)
        if method != "GET":
            ask(name, 403, token=reader, body=body)


def refused_once(key, token, flock, device):
    """What only some operations refuse."""
    for name in ("login", "loginAlias"):
        ask(name, 401, body=GARBAGE.encode() * 2)
        ask(name, 403, body=key.encode())
        ask(name, 400, body=b"a key")
    ask("register", 403, body={})
    ask("register", 400, body={"challenge": "no challenge", "nonce": "1"})
    ask("challenge", 404, port=OPEN)
    for name in ("join", "joinAlias"):
        ask(name, 403, {"flock": flock}, body={"cosk": "d7" * 32, "enrolment_key": GARBAGE})
        ask(name, 400, {"flock": flock}, body=b"no key")
    for name in ("flockCreate", "tokenCreate"):
        ask(name, 400, token=token, body={"label": "x" * 65})
        ask(name, 400, token=token, body={"lable": "x"})
    ask("flockList", 400, token=token, query="?limit=0")
    ask("deviceChange", 409, {"flock": flock, "id": device}, token=token, body={"bw_limit": 1000000})


def conflicts(token, cathedral, flock, device):
    """The same Idempotency-Key for two requests: any POST, once it has succeeded."""
    number = 0

    def place(name):
        """Where this one may succeed; things that it takes away are made for it."""
        base = name.replace("Alias", "")
        if base == "flockDelete":
            return {"flock": ask("flockCreate", 201, token=token)["id"]}
        if base in ("deviceApprove", "deviceDelete"):
            joined = ask("join", 201, {"flock": flock}, body=bytes(32))
            return {"flock": flock, "id": joined["cathedral_id"]}
        if base.startswith("x"):
            other = ask("flockCreate", 201, token=token)["id"]
            both = {"a": flock, "b": other}
            if base != "xflockCreate":
                ask("xflockCreate", 200, both, token=token)
            if base == "xambryPut":
                ask("xflockCreate", 200, {"a": other, "b": flock}, token=token)
            return both
        return {"flock": flock, "id": device}

    for name, (method, _, operation) in operations.items():
        if method != "POST":
            continue
        number += 1
        repeat = [("Idempotency-Key", "%040d" % number)]
        where = place(name)
        body = least(name)
        if name == "register":
            body = solved()
        elif name == "ambryPutAlias":
            os.remove("%s-%s.bundle" % (flock, flock))
            body = bundle(flock, flock)
        elif name == "xambryPutAlias":
            body = bundle(where["a"], where["b"])
        want = int(next(s for s in operation["responses"] if s.startswith("2")))
        who = cathedral if is_of_cathedrals(name) else token
        first = ask(name, want, where, token=who, body=body, headers=repeat)
        again = ask(name, want, where, token=who, body=body, headers=repeat)
        result(first == again, "%s: the same again" % name)
        ask(name, 409, where, "?other=1", who, body, headers=repeat)


def too_many():
    """The one request of the minute takes its time; while it does, the service ends."""
    hanging = http.client.HTTPConnection("127.0.0.1", CALM, timeout=20)
    hanging.putrequest("POST", "/v1/login")
    hanging.putheader("Content-Length", "64")
    hanging.endheaders()
    hanging.send(b"0")
    time.sleep(0.3)
    for name in operations:
        ask(name, 429, port=CALM)
    os.kill(int(open("calm.pid").read()), 15)
    time.sleep(0.3)
    for name in operations:
        ask(name, 503, port=CALM)
    hanging.close()


# --- the document itself ---


def closed(schema, where):
    """Schemas of objects that would let unknown members pass."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("additionalProperties") is not False:
            yield where
        for name, part in schema.items():
            yield from closed(part, "%s/%s" % (where, name))


def whole():
    open_ones = list(closed(document["components"]["schemas"], ""))
    result(not open_ones, "no schema lets unknown members pass", *open_ones)
    made = {"$ref": "#/components/schemas/FlockMade"}
    result(not schema_errors(made, {"id": "6442a01510d91a00"}), "an answer as described is seen so")
    result(schema_errors(made, {"id": "6442a01510d91a00", "more": 1}), "one with more is not")
    result(schema_errors(made, {"id": "6442A01510D91A00"}), "nor one that is malformed")

    connection = http.client.HTTPConnection("127.0.0.1", MAIN, timeout=20)
    connection.request("GET", "/v1/openapi.json")
    result(connection.getresponse().read() == open(sys.argv[1], "rb").read(),
           "the service gives the document as it is")


def nothing_left():
    for name, (_, _, operation) in operations.items():
        left = set(operation["responses"]) - seen.get(name, set()) - UNSEEN
        result(not left, "%s: all that is described was seen" % name, "not seen: %s" % sorted(left))
        for media in request_content(operation).values():
            for which in media.get("examples", {}):
                result((name, which) in sent, "%s: its example %s was sent" % (name, which))


def main():
    whole()
    solution = solved()
    made = do("register", "pow", instead=solution)
    key, token = made["account"], made["token"]
    do("register", "open", port=OPEN)
    invite = run("reliquary-api", "--data", "invite", "invite", "create")
    do("register", "invite", instead={"invite": invite}, port=INVITE)
    other = do("register", "pow", instead=solved())["token"]
    cathedral = run("reliquary-api", "--data", "main", "cathedral", "add", "vesper",
                    "192.0.2.1:4500", "--region", "eu")
    do("heartbeat", "behind", token=cathedral)
    do("heartbeat", "leaving", token=cathedral)
    do("heartbeat", "well", token=cathedral)
    do("cathedralList", token=token)
    do("cathedralList", token=token, text=True)

    reader = do("tokenCreate", "reader", token=token)["token"]
    spare = do("tokenCreate", "plain", token=token)["id"]
    do("tokenDelete", None, {"id": spare}, token)
    do("tokenList", token=token)
    do("accountExtend", token=token)
    key = do("accountKey", token=token)["account"]
    do("accountShow", token=token)
    flock, device = live(token, key, other, False)
    live(token, key, other, True)
    do("eventList", token=token)
    hears(cathedral, flock, device)

    gone = do("register", "pow", instead=solved())
    run("reliquary-api", "--data", "main", "account", "suspend", gone["share_id"])
    refused_everywhere(token, cathedral, reader, gone["token"])
    refused_once(gone["account"], token, flock, device)
    conflicts(token, cathedral, flock, device)
    too_many()
    do("accountDelete", token=token)
    do("document")
    nothing_left()
    sys.exit(failed > 0)


main()
