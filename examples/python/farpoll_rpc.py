"""Calls on a farpoll server, from the messages that protoc generates.

    handles = Service(channel, handle_pb2, "HandleService")
    pipe = handles.CreatePipe(handle_pb2.CreatePipeRequest(session=session))

Debian has no grpcio-tools, so the methods are made from the descriptors instead
of a generated _pb2_grpc module; they are grpcio's own callables all the same.
"""
import queue

from google.protobuf import descriptor_pb2
from google.protobuf import symbol_database

from farpoll.v1 import error_pb2
from farpoll.v1 import selector_pb2


class Service:
    """One attribute for each method of `name`, which `module` declares."""

    def __init__(self, channel, module, name):
        descriptor = module.DESCRIPTOR.services_by_name[name]
        for method in descriptor.methods:
            setattr(self, method.name, _callable(channel, method))


class Wait:
    """An open Wait: iterate over its events.

    A credit is granted when the loop comes back for more after a whole result,
    as a local loop calls poll() again. Leaving it with close() loses no event.
    """

    def __init__(self, selectors, opening):
        self._requests = _Requests()
        self._requests.put(selector_pb2.WaitRequest(open=opening))
        self._responses = selectors.Wait(iter(self._requests))

    def __iter__(self):
        for response in self._responses:
            yield from response.events
            if response.sequence:
                grant = selector_pb2.WaitGrant(
                    acknowledge=response.sequence, credits=1)
                self._requests.put(selector_pb2.WaitRequest(grant=grant))

    def close(self):
        self._responses.cancel()
        self._requests.close()


def error_info(error):
    """The farpoll.v1.ErrorInfo of a grpc.RpcError, or None without one."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            info = error_pb2.ErrorInfo()
            for detail in error_pb2.StatusDetail.FromString(value).details:
                if detail.Unpack(info):
                    return info
    return None


class _Requests:
    """What a stream has yet to send; grpcio takes it from a thread of its own."""

    _END = object()

    def __init__(self):
        self._queue = queue.SimpleQueue()

    def put(self, request):
        self._queue.put(request)

    def close(self):
        self._queue.put(self._END)

    def __iter__(self):
        return iter(self._queue.get, self._END)


def _callable(channel, method):
    proto = descriptor_pb2.MethodDescriptorProto()
    method.CopyToProto(proto)
    make = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }[proto.client_streaming, proto.server_streaming]
    messages = symbol_database.Default()
    return make(
        "/%s/%s" % (method.containing_service.full_name, method.name),
        request_serializer=messages.GetPrototype(
            method.input_type).SerializeToString,
        response_deserializer=messages.GetPrototype(
            method.output_type).FromString)
