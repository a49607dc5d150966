#!/usr/bin/python3
"""grpcio, a client that this project did not write, against the real server.

    python_client_test.py FARPOLLD
"""
import queue
import sys
import time
import unittest

import farpoll_rpc
import grpc
from farpoll.v1 import event_pb2
from farpoll.v1 import handle_pb2
from farpoll.v1 import selector_pb2
from farpoll.v1 import server_pb2
from farpoll.v1 import session_pb2
from google.protobuf import duration_pb2

from tests.integration import farpolld

IN = event_pb2.EVENT_BIT_IN
OUT = event_pb2.EVENT_BIT_OUT
HUP = event_pb2.EVENT_BIT_HUP

# Calls in these tests end at once; this only keeps a broken server from
# hanging the suite.
_DEADLINE_SECONDS = 30


def _milliseconds(count):
    return duration_pb2.Duration(nanos=count * 1000000)


class _WaitStream:
    """A Wait at the level of its messages."""

    def __init__(self, selectors, **opening):
        self._requests = queue.SimpleQueue()
        self.send(open=selector_pb2.WaitOpen(**opening))
        self._responses = selectors.Wait(
            iter(self._requests.get, None), timeout=_DEADLINE_SECONDS)

    def send(self, **request):
        self._requests.put(selector_pb2.WaitRequest(**request))

    def grant(self, acknowledge):
        self.send(grant=selector_pb2.WaitGrant(
            acknowledge=acknowledge, credits=1))

    def next(self):
        return next(self._responses)

    def end(self):
        self._requests.put(None)
        self._responses.cancel()


class PythonClientContract:
    """The tests; a subclass says over which transport."""

    @classmethod
    def setUpClass(cls):
        cls.server = farpolld.Farpolld(_BINARY, cls.listen)
        cls.channel = grpc.insecure_channel(cls.server.address)
        cls.sessions = farpoll_rpc.Service(
            cls.channel, session_pb2, "SessionService")
        cls.handles = farpoll_rpc.Service(
            cls.channel, handle_pb2, "HandleService")
        cls.selectors = farpoll_rpc.Service(
            cls.channel, selector_pb2, "SelectorService")

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()
        cls.server.stop()

    def setUp(self):
        self.session = self.sessions.CreateSession(
            session_pb2.CreateSessionRequest()).session.id
        self.addCleanup(self._delete_session)

    def _delete_session(self):
        try:
            self.sessions.DeleteSession(
                session_pb2.DeleteSessionRequest(session=self.session))
        except grpc.RpcError as error:  # the test ended it itself
            self.assertEqual(error.code(), grpc.StatusCode.NOT_FOUND)

    # ---- What the tests are made of.

    def make_pipe(self, **options):
        pipe = self.handles.CreatePipe(
            handle_pb2.CreatePipeRequest(session=self.session, **options))
        return (event_pb2.HandleRef(id=pipe.reader.id),
                event_pb2.HandleRef(id=pipe.writer.id))

    def make_selector(self, kind=selector_pb2.SELECTOR_KIND_POLL):
        made = self.selectors.CreateSelector(
            selector_pb2.CreateSelectorRequest(session=self.session, kind=kind))
        return event_pb2.SelectorRef(id=made.selector.id)

    def register(self, selector, handle, events, **options):
        interest = selector_pb2.Interest(
            handle=handle, events=events, **options)
        return self.selectors.Register(selector_pb2.RegisterRequest(
            session=self.session, selector=selector, items=[interest]))

    def poll(self, selector, milliseconds=None):
        timeout = None if milliseconds is None else _milliseconds(milliseconds)
        return self.selectors.Poll(
            selector_pb2.PollRequest(
                session=self.session, selector=selector, timeout=timeout),
            timeout=_DEADLINE_SECONDS)

    def write(self, handle, data):
        return self.handles.Write(handle_pb2.WriteRequest(
            session=self.session, handle=handle, data=data))

    def read(self, handle):
        return self.handles.Read(handle_pb2.ReadRequest(
            session=self.session, handle=handle, max_bytes=4096))

    def close(self, handle):
        self.handles.Close(handle_pb2.CloseRequest(
            session=self.session, handle=handle))

    def wait(self, selector, credits=1, **options):
        stream = _WaitStream(self.selectors, session=self.session,
                             selector=selector, credits=credits, **options)
        self.addCleanup(stream.end)
        return stream

    def assert_fails(self, code, call, *, errno_name=None, reason=None):
        with self.assertRaises(grpc.RpcError) as caught:
            call()
        error = caught.exception
        self.assertEqual(error.code(), code, error.details())
        self.assertTrue(error.details())
        info = farpoll_rpc.error_info(error)
        if errno_name is not None:
            self.assertEqual(info.errno_name, errno_name)
        if reason is not None:
            self.assertEqual(info.reason, reason)
        return info

    # ---- Poll and Select.

    def test_poll_returns_empty_after_the_timeout_and_not_early(self):
        selector = self.make_selector()
        reader, _ = self.make_pipe()
        self.register(selector, reader, IN)
        start = time.monotonic()

        response = self.poll(selector, milliseconds=50)

        self.assertEqual(len(response.events), 0)
        self.assertGreaterEqual(time.monotonic() - start, 0.05)

    def test_poll_reports_what_was_registered(self):
        selector = self.make_selector()
        reader, writer = self.make_pipe()
        generation = self.register(
            selector, reader, IN, cookie=2**64 - 1).results[0].generation
        self.write(writer, b"x")

        events = self.poll(selector).events

        self.assertEqual([(event.handle_id, event.events, event.cookie,
                           event.generation) for event in events],
                         [(reader.id, IN, 2**64 - 1, generation)])

    def test_poll_reports_hangup_beside_data_and_alone_after_the_drain(self):
        selector = self.make_selector()
        reader, writer = self.make_pipe()
        self.register(selector, reader, IN)
        self.write(writer, b"last words")
        self.close(writer)

        before = self.poll(selector).events
        read = self.read(reader)
        after = self.poll(selector).events
        end = self.read(reader)

        self.assertEqual([event.events for event in before], [IN | HUP])
        self.assertEqual(read.data, b"last words")
        self.assertEqual([event.events for event in after], [HUP])
        self.assertEqual(end.outcome, event_pb2.READ_OUTCOME_END_OF_FILE)

    def test_select_returns_places_in_order_with_duplicates(self):
        reader, writer = self.make_pipe()
        idle, _ = self.make_pipe()
        self.write(writer, b"x")

        response = self.selectors.Select(
            selector_pb2.SelectRequest(
                session=self.session, read=[idle, reader, reader],
                write=[writer], **{"except": [reader]}),
            timeout=_DEADLINE_SECONDS)

        self.assertEqual(list(response.read), [1, 2])
        self.assertEqual(list(response.write), [0])
        self.assertEqual(list(getattr(response, "except")), [])

    def test_write_after_out_takes_pipe_buf_bytes(self):
        server = farpoll_rpc.Service(self.channel, server_pb2, "ServerService")
        pipe_buf = server.GetServer(server_pb2.GetServerRequest()).pipe_buf
        selector = self.make_selector()
        _, writer = self.make_pipe()
        self.register(selector, writer, OUT)

        written = 0
        while self.poll(selector, milliseconds=0).events:
            response = self.write(writer, b"x" * pipe_buf)
            self.assertEqual(response.bytes_written, pipe_buf)
            written += response.bytes_written

        self.assertEqual(pipe_buf, 4096)
        self.assertEqual(written, 65536)
        self.assertTrue(self.write(writer, b"x" * pipe_buf).would_block)

    # ---- Wait.

    def test_wait_gives_one_result_for_each_credit(self):
        selector = self.make_selector()
        reader, writer = self.make_pipe(reader_name="in")
        self.register(selector, reader, IN)
        stream = self.wait(selector, with_names=True)
        self.write(writer, b"x")

        first = stream.next()
        stream.grant(first.sequence)
        second = stream.next()
        self.read(reader)
        self.close(writer)
        stream.grant(second.sequence)
        third = stream.next()

        self.assertEqual([[event.events for event in result.events]
                          for result in (first, second, third)],
                         [[IN], [IN], [HUP]])
        self.assertEqual(first.events[0].handle_name, "in")
        self.assertEqual([first.sequence, second.sequence, third.sequence],
                         [first.sequence + n for n in range(3)])
        self.assertLessEqual(first.sampled_at_ns, third.sampled_at_ns)

    def test_wait_carries_changes(self):
        selector = self.make_selector()
        reader, writer = self.make_pipe()
        self.write(writer, b"x")
        stream = self.wait(selector)

        stream.send(changes=[
            selector_pb2.Change(add=selector_pb2.Interest(
                handle=reader, events=IN)),
            selector_pb2.Change(remove=writer)])
        answer = stream.next()
        result = stream.next()

        self.assertEqual(answer.sequence, 0)
        self.assertFalse(answer.change_results[0].HasField("error"))
        self.assertEqual(answer.change_results[1].error.info.errno_name,
                         "ENOENT")
        self.assertEqual([event.handle_id for event in result.events],
                         [reader.id])

    def test_wait_says_when_a_timeout_used_up_the_credit(self):
        selector = self.make_selector()
        stream = self.wait(selector, timeout=_milliseconds(10))

        result = stream.next()

        self.assertTrue(result.timed_out)
        self.assertEqual(len(result.events), 0)

    def test_cancelled_wait_loses_no_event(self):
        selector = self.make_selector()
        reader, writer = self.make_pipe()
        self.register(selector, reader, IN,
                      trigger=event_pb2.TRIGGER_ONESHOT)
        stream = self.wait(selector)
        self.write(writer, b"x")
        cut = stream.next()
        stream.end()

        resumed = self.resume(selector, cut.epoch, cut.sequence - 1)

        self.assertEqual(resumed.sequence, cut.sequence)
        self.assertEqual(resumed.events, cut.events)

    def resume(self, selector, epoch, sequence):
        """The first result after a place, once the wait that was cut is gone."""
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while True:
            stream = self.wait(selector, resume_after=selector_pb2.WaitPosition(
                epoch=epoch, sequence=sequence))
            try:
                return stream.next()
            except grpc.RpcError as error:
                info = farpoll_rpc.error_info(error)
                if (info is None or info.errno_name != "EBUSY" or
                        time.monotonic() > deadline):
                    raise

    def test_deleting_the_session_ends_its_wait(self):
        stream = self.wait(self.make_selector(), timeout=_milliseconds(1))
        stream.next()
        stream.grant(0)
        self.sessions.DeleteSession(
            session_pb2.DeleteSessionRequest(session=self.session))

        def drain():
            while True:
                stream.next()

        self.assert_fails(grpc.StatusCode.FAILED_PRECONDITION, drain)

    def test_wait_refuses_credits_out_of_range(self):
        for credits in (0, -1, 65):
            with self.subTest(credits=credits):
                stream = self.wait(self.make_selector(), credits=credits)
                self.assert_fails(
                    grpc.StatusCode.INVALID_ARGUMENT, stream.next)

    # ---- Sessions.

    def test_keep_alive_answers_each_request(self):
        request = session_pb2.KeepAliveRequest(session=self.session)

        responses = list(self.sessions.KeepAlive(
            iter([request] * 3), timeout=_DEADLINE_SECONDS))

        self.assertEqual(len(responses), 3)
        self.assertGreater(responses[0].remaining.ToMilliseconds(), 0)

    # ---- Errors.

    def test_unknown_session(self):
        info = self.assert_fails(
            grpc.StatusCode.NOT_FOUND,
            lambda: self.sessions.GetSession(
                session_pb2.GetSessionRequest(session="nobody")),
            reason="SESSION_UNKNOWN")
        self.assertIn("nobody", info.subject)

    def test_register_twice_with_a_default_selector(self):
        selector = self.make_selector(selector_pb2.SELECTOR_KIND_DEFAULT)
        reader, _ = self.make_pipe()
        self.register(selector, reader, IN)

        info = self.assert_fails(
            grpc.StatusCode.ALREADY_EXISTS,
            lambda: self.register(selector, reader, IN), errno_name="EEXIST")

        self.assertEqual(info.errno_number, 17)

    def test_mask_over_16_bits(self):
        selector = self.make_selector()
        reader, _ = self.make_pipe()

        self.assert_fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            lambda: self.register(selector, reader, 0x10000),
            errno_name="EOVERFLOW")

    def test_write_without_a_reader(self):
        reader, writer = self.make_pipe()
        self.close(reader)

        self.assert_fails(
            grpc.StatusCode.FAILED_PRECONDITION,
            lambda: self.write(writer, b"x"), errno_name="EPIPE")

    def test_closed_handle(self):
        reader, _ = self.make_pipe()
        self.close(reader)

        self.assert_fails(
            grpc.StatusCode.NOT_FOUND, lambda: self.read(reader),
            reason="HANDLE_UNKNOWN")

    # ---- What gRPC serves beside farpoll.

    def test_health_is_serving(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check")

        # HealthCheckResponse { status: SERVING }
        self.assertEqual(check(b""), b"\x08\x01")

    def test_reflection_lists_the_services(self):
        reflect = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        # ServerReflectionRequest { list_services: "*" }
        listed = next(reflect(iter([b"\x3a\x01*"]),
                              timeout=_DEADLINE_SECONDS))

        for service in ("Session", "Handle", "Selector", "Server"):
            self.assertIn(b"farpoll.v1.%sService" % service.encode(), listed)


class OverUnixSocketTest(PythonClientContract, unittest.TestCase):
    listen = "unix"


class OverTcpTest(PythonClientContract, unittest.TestCase):
    listen = "tcp"


if __name__ == "__main__":
    _BINARY = sys.argv.pop(1)
    unittest.main()
