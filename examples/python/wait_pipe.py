#!/usr/bin/python3
"""Waits for a pipe that lives in a farpoll server.

    wait_pipe.py [ADDRESS]    default: $FARPOLL_ADDR

Writes into the pipe, is told that its other end is readable, drains it, closes
the writing end and is told of the hang-up.
"""
import os
import sys

import farpoll_rpc
import grpc
from farpoll.v1 import event_pb2
from farpoll.v1 import handle_pb2
from farpoll.v1 import selector_pb2
from farpoll.v1 import session_pb2


def names(events):
    """ "IN|HUP" for a sum of EventBit."""
    return "|".join(
        bit.name[len("EVENT_BIT_"):]
        for bit in event_pb2.EventBit.DESCRIPTOR.values if bit.number & events)


def watch(handles, selectors, session):
    pipe = handles.CreatePipe(handle_pb2.CreatePipeRequest(
        session=session, reader_name="in", writer_name="out"))
    reader = event_pb2.HandleRef(id=pipe.reader.id)
    writer = event_pb2.HandleRef(id=pipe.writer.id)
    selector = event_pb2.SelectorRef(id=selectors.CreateSelector(
        selector_pb2.CreateSelectorRequest(
            session=session,
            kind=selector_pb2.SELECTOR_KIND_POLL)).selector.id)
    selectors.Register(selector_pb2.RegisterRequest(
        session=session, selector=selector,
        items=[selector_pb2.Interest(
            handle=reader, events=event_pb2.EVENT_BIT_IN)]))
    handles.Write(handle_pb2.WriteRequest(
        session=session, handle=writer, data=b"hello from far away"))

    wait = farpoll_rpc.Wait(selectors, selector_pb2.WaitOpen(
        session=session, selector=selector, credits=1, with_names=True))
    for event in wait:
        print("%s: %s" % (event.handle_name, names(event.events)))
        if event.events & event_pb2.EVENT_BIT_IN:
            read = handles.Read(handle_pb2.ReadRequest(
                session=session, handle=reader, max_bytes=4096))
            print("read: %s" % read.data.decode())
            handles.Close(handle_pb2.CloseRequest(
                session=session, handle=writer))
        elif event.events & event_pb2.EVENT_BIT_HUP:
            break
    wait.close()


def main():
    address = sys.argv[1] if len(sys.argv) > 1 else os.environ["FARPOLL_ADDR"]
    with grpc.insecure_channel(address) as channel:
        sessions = farpoll_rpc.Service(channel, session_pb2, "SessionService")
        handles = farpoll_rpc.Service(channel, handle_pb2, "HandleService")
        selectors = farpoll_rpc.Service(
            channel, selector_pb2, "SelectorService")
        session = sessions.CreateSession(
            session_pb2.CreateSessionRequest()).session.id
        try:
            watch(handles, selectors, session)
        finally:
            sessions.DeleteSession(
                session_pb2.DeleteSessionRequest(session=session))


if __name__ == "__main__":
    main()
