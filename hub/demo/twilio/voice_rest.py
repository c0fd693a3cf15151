"""The stand-in's REST API of calls, conferences, queues and recordings, with Twilio's error codes and paging."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from hub.demo.twilio.call import Call, Document
from hub.demo.twilio.conferences import Conference, JoinTerms, Participant, Queue, Recording
from hub.demo.twilio.exchange import Exchange
from hub.demo.twilio.messages import API, ApiError
from hub.demo.twilio.paging import paged
from hub.demo.twilio.request_guard import answer, missing

Form = dict[str, str]


class VoiceRest:
    """Answers for one exchange; `requests` is every write as (method, path, fields), for tests to look at."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []

    def routes(self) -> list[web.RouteDef]:
        """Every route."""
        base = f"/{API}/Accounts/{{account}}"
        room, queue = f"{base}/Conferences/{{room}}", f"{base}/Queues/{{queue}}"
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("POST", f"{base}/Calls.json", self._create_call),
            ("GET", f"{base}/Calls.json", self._list_calls),
            ("GET", f"{base}/Calls/{{call}}.json", self._read_call),
            ("POST", f"{base}/Calls/{{call}}.json", self._update_call),
            ("DELETE", f"{base}/Calls/{{call}}.json", self._delete_call),
            ("GET", f"{base}/Calls/{{call}}/Recordings.json", self._list_recordings),
            ("GET", f"{base}/Conferences.json", self._list_rooms),
            ("GET", f"{room}.json", self._read_room),
            ("POST", f"{room}.json", self._update_room),
            ("GET", f"{room}/Participants.json", self._list_participants),
            ("POST", f"{room}/Participants.json", self._create_participant),
            ("GET", f"{room}/Participants/{{who}}.json", self._read_participant),
            ("POST", f"{room}/Participants/{{who}}.json", self._update_participant),
            ("DELETE", f"{room}/Participants/{{who}}.json", self._remove_participant),
            ("GET", f"{room}/Recordings.json", self._list_room_recordings),
            ("POST", f"{room}/Recordings/{{recording}}.json", self._update_recording),
            ("GET", f"{room}/Recordings/{{recording}}.json", self._read_room_recording),
            ("GET", f"{base}/Queues.json", self._list_queues),
            ("POST", f"{base}/Queues.json", self._create_queue),
            ("GET", f"{queue}.json", self._read_queue),
            ("POST", f"{queue}.json", self._update_queue),
            ("DELETE", f"{queue}.json", self._delete_queue),
            ("GET", f"{queue}/Members.json", self._list_members),
            ("GET", f"{queue}/Members/{{call}}.json", self._read_member),
            ("POST", f"{queue}/Members/{{call}}.json", self._update_member),
            ("GET", f"{base}/Recordings.json", self._list_recordings),
            ("GET", f"{base}/Recordings/{{recording}}.json", self._read_recording),
            ("DELETE", f"{base}/Recordings/{{recording}}.json", self._delete_recording),
            ("GET", f"{base}/Recordings/{{recording}}.wav", self._sound),
            ("GET", f"{base}/Recordings/{{recording}}", self._sound),
        ]
        return [web.route(method, path, handler) for method, path, handler in table]

    async def _form(self, request: web.Request) -> Form:
        """The fields of a write, each as one text."""
        posted = await request.post()
        many = {name: [str(v) for v in posted.getall(name)] for name in posted}
        self.requests.append((request.method, request.path, many))
        return {name: " ".join(values) for name, values in many.items()}

    # -- calls ---------------------------------------------------------------------------------------------------
    async def _create_call(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if not form.get("Url") and not form.get("Twiml"):
            raise ApiError(400, 21205, "Url parameter is required.")
        document = Document(form.get("Url", ""), form.get("Method", "POST"), form.get("Twiml", ""))
        call = self._dialled(form, document)
        self._exchange.outgoing(call)
        return answer(call.as_json(), 201)

    def _dialled(self, form: Form, document: Document) -> Call:
        if form["From"] != self._exchange.number and not form["From"].startswith("client:"):
            raise ApiError(400, 21210, f"{form['From']} is not a verified or owned number.")
        events = form.get("StatusCallbackEvent", "completed").split()
        return Call(
            self._exchange.account_sid,
            self._exchange.clock,
            form["To"],
            form["From"],
            "outbound-api",
            document,
            callback=form.get("StatusCallback", ""),
            events=tuple(events),
            ring_timeout=float(form.get("Timeout", "60")),
            time_limit=float(form.get("TimeLimit", "14400")),
        )

    async def _list_calls(self, request: web.Request) -> web.Response:
        q = request.query
        found = [
            c.as_json()
            for c in reversed(list(self._exchange.calls.values()))
            if q.get("Status", c.status) == c.status
            and q.get("To", c.to) == c.to
            and q.get("From", c.sender) == c.sender
            and q.get("ParentCallSid", c.parent or "") == (c.parent or "")
        ]
        return paged(request, "calls", found)

    async def _read_call(self, request: web.Request) -> web.Response:
        return answer(self._call(request).as_json())

    async def _update_call(self, request: web.Request) -> web.Response:
        call = self._call(request)
        form = await self._form(request)
        status = form.get("Status")
        if status == "canceled" and call.status not in {"queued", "ringing"} and not call.over:
            raise ApiError(400, 21222, "Call is in progress; use 'completed'.")
        if (form.get("Url") or form.get("Twiml")) and call.status != "in-progress":
            raise ApiError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if status:
            was = call.status
            call.hang_up("canceled" if was in {"queued", "ringing"} else "completed")
        elif form.get("Url") or form.get("Twiml"):
            call.send_to(
                Document(
                    form.get("Url", ""), form.get("Method", "POST"), form.get("Twiml", ""), form.get("FallbackUrl", "")
                )
            )
        return answer(call.as_json())

    async def _delete_call(self, request: web.Request) -> web.Response:
        call = self._call(request)
        if not call.over:
            raise ApiError(409, 20009, "Cannot delete this call: it is not complete.")
        del self._exchange.calls[call.sid]
        return web.Response(status=204)

    def _call(self, request: web.Request) -> Call:
        call = self._exchange.calls.get(request.match_info["call"])
        if call is None:
            raise missing(request)
        return call

    # -- conferences ---------------------------------------------------------------------------------------------
    async def _list_rooms(self, request: web.Request) -> web.Response:
        q = request.query
        found = [
            r.as_json()
            for r in reversed(list(self._exchange.rooms.values()))
            if q.get("Status", r.status) == r.status and q.get("FriendlyName", r.name) == r.name
        ]
        return paged(request, "conferences", found)

    async def _read_room(self, request: web.Request) -> web.Response:
        return answer(self._room(request).as_json())

    async def _update_room(self, request: web.Request) -> web.Response:
        room = self._room(request)
        form = await self._form(request)
        if form.get("Status") == "completed":
            room.end("conference-ended-via-api")
        if form.get("AnnounceUrl"):
            room.tell("announcement", AnnounceUrl=form["AnnounceUrl"], ReasonAnnouncement="")
            everybody = [who.call for who in room.people.values()]
            self._exchange.announce(everybody, Document(form["AnnounceUrl"], form.get("AnnounceMethod", "POST")))
        return answer(room.as_json())

    def _room(self, request: web.Request) -> Conference:
        key = request.match_info["room"]
        room = self._exchange.rooms.get(key) or next(
            (r for r in self._exchange.rooms.values() if r.name == key and r.status != "completed"), None
        )
        if room is None:
            raise missing(request)
        return room

    # -- participants --------------------------------------------------------------------------------------------
    async def _list_participants(self, request: web.Request) -> web.Response:
        room = self._room(request)
        found = [] if room.status == "completed" else [p.as_json(room) for p in room.people.values()]
        return paged(request, "participants", found)

    async def _create_participant(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        room, label = self._exchange.room(request.match_info["room"]), form.get("Label", "")
        if label and room.find(label):
            raise ApiError(400, 16025, f"The participant label {label} is not unique in this conference.")
        call = self._dialled(form, Document())
        who = Participant(
            call,
            label,
            _yes(form, "Muted"),
            start=form.get("StartConferenceOnEnter", "true").lower() == "true",
            end_on_exit=_yes(form, "EndConferenceOnExit"),
            coaching=form.get("CallSidToCoach", "") if _yes(form, "Coaching") else "",
        )
        terms = JoinTerms(
            form.get("ConferenceStatusCallback", ""),
            frozenset(form.get("ConferenceStatusCallbackEvent", "").split()),
            form.get("ConferenceRecord") in {"true", "record-from-start"},
            form.get("ConferenceRecordingStatusCallback", ""),
            float(form["TimeLimit"]) if form.get("TimeLimit") else None,
        )
        self._exchange.outgoing(call, (room, who, terms))
        return answer(who.as_json(room), 201)

    async def _read_participant(self, request: web.Request) -> web.Response:
        return answer(self._who(request).as_json(self._room(request)))

    async def _update_participant(self, request: web.Request) -> web.Response:
        room, who = self._room(request), self._who(request)
        form = await self._form(request)
        if "Coaching" in form:
            who.coaching = form.get("CallSidToCoach", who.coaching) if _yes(form, "Coaching") else ""
            room.tell("modify", who)
        if "Muted" in form and _yes(form, "Muted") != who.muted:
            who.muted = not who.muted
            room.tell("mute" if who.muted else "unmute", who)
        if "EndConferenceOnExit" in form and not who.hold:  # of somebody held it is ignored, silently
            who.end_on_exit = _yes(form, "EndConferenceOnExit")
        if "Hold" in form and _yes(form, "Hold") != who.hold:
            who.hold = not who.hold
            room.tell("hold" if who.hold else "unhold", who)
        if form.get("AnnounceUrl"):
            room.tell("announcement", who, AnnounceUrl=form["AnnounceUrl"])
            document = Document(form["AnnounceUrl"], form.get("AnnounceMethod", "POST"))
            self._exchange.announce([who.call], document)
        return answer(who.as_json(room))

    async def _remove_participant(self, request: web.Request) -> web.Response:
        who = self._who(request)
        who.call.released = True
        who.call.ring()
        return web.Response(status=204)

    def _who(self, request: web.Request) -> Participant:
        who = self._room(request).find(request.match_info["who"])
        if who is None:
            raise missing(request)
        return who

    # -- recordings ----------------------------------------------------------------------------------------------
    async def _list_room_recordings(self, request: web.Request) -> web.Response:
        recording = self._room(request).recording
        return paged(request, "recordings", [recording.as_json()] if recording else [])

    async def _read_room_recording(self, request: web.Request) -> web.Response:
        recording = self._room(request).recording
        if recording is None or request.match_info["recording"] not in {"Twilio.CURRENT", recording.sid}:
            raise missing(request)
        return answer(recording.as_json())

    async def _update_recording(self, request: web.Request) -> web.Response:
        recording = self._room(request).recording
        form = await self._form(request)
        if recording is None or request.match_info["recording"] not in {"Twilio.CURRENT", recording.sid}:
            raise missing(request)
        if recording.status == "completed":
            raise ApiError(400, 21220, "The recording is over.")
        recording.set({"stopped": "completed"}.get(form["Status"], form["Status"]))
        return answer(recording.as_json())

    async def _list_recordings(self, request: web.Request) -> web.Response:
        q = request.query
        call, room = request.match_info.get("call", q.get("CallSid")), q.get("ConferenceSid")
        found = [
            r.as_json()
            for r in reversed(list(self._exchange.recordings.values()))
            if call in {None, r.call_sid} and room in {None, r.conference_sid}
        ]
        return paged(request, "recordings", found)

    async def _read_recording(self, request: web.Request) -> web.Response:
        return answer(self._recording(request).as_json())

    async def _delete_recording(self, request: web.Request) -> web.Response:
        del self._exchange.recordings[self._recording(request).sid]
        return web.Response(status=204)

    async def _sound(self, request: web.Request) -> web.Response:
        recording = self._recording(request)
        channels = 2 if request.query.get("RequestedChannels") == "2" and recording.conference_sid else 1
        return web.Response(body=recording.sound(channels), content_type="audio/wav")

    def _recording(self, request: web.Request) -> Recording:
        found = self._exchange.recordings.get(request.match_info["recording"])
        if found is None:
            raise missing(request)
        return found

    # -- queues --------------------------------------------------------------------------------------------------
    async def _list_queues(self, request: web.Request) -> web.Response:
        return paged(request, "queues", [q.as_json() for q in self._exchange.queues.values()])

    async def _create_queue(self, request: web.Request) -> web.Response:
        form = await self._form(request)
        if any(q.name == form["FriendlyName"] for q in self._exchange.queues.values()):
            raise ApiError(400, 22003, "A queue of this FriendlyName exists already.")
        queue = self._exchange.queue(form["FriendlyName"])
        queue.most = int(form.get("MaxSize", "100"))  # unlike a queue that <Enqueue> makes, which holds 1000
        return answer(queue.as_json(), 201)

    async def _read_queue(self, request: web.Request) -> web.Response:
        return answer(self._queue(request).as_json())

    async def _update_queue(self, request: web.Request) -> web.Response:
        queue, form = self._queue(request), await self._form(request)
        queue.name, queue.most = form.get("FriendlyName", queue.name), int(form.get("MaxSize", str(queue.most)))
        return answer(queue.as_json())

    async def _delete_queue(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        if queue.members:
            raise ApiError(400, 22004, "The queue is not empty.")
        del self._exchange.queues[queue.sid]
        return web.Response(status=204)

    async def _read_member(self, request: web.Request) -> web.Response:
        queue, call = self._member(request)
        return answer(queue.member_json(call))

    def _member(self, request: web.Request) -> tuple[Queue, Call]:
        queue, key = self._queue(request), request.match_info["call"]
        sid = next(iter(queue.members), "") if key == "Front" else key
        if sid not in queue.members:
            raise missing(request)
        return queue, queue.members[sid][0]

    async def _list_members(self, request: web.Request) -> web.Response:
        queue = self._queue(request)
        return paged(request, "queue_members", [queue.member_json(c) for c, _ in queue.members.values()])

    async def _update_member(self, request: web.Request) -> web.Response:
        queue, call = self._member(request)
        form = await self._form(request)
        shown = queue.member_json(call)
        call.send_to(Document(form["Url"], form.get("Method", "POST")))
        return answer(shown)

    def _queue(self, request: web.Request) -> Queue:
        queue = self._exchange.queues.get(request.match_info["queue"])
        if queue is None:
            raise missing(request)
        return queue


def _yes(form: Form, name: str) -> bool:
    return form.get(name, "").lower() == "true"
