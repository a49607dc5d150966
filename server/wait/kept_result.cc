#include "server/wait/kept_result.h"

#include <algorithm>
#include <utility>

#include "selector/kqueue/kevent.h"

namespace farpoll::server {
namespace {

// Numbers are taken modulo 2^64, so a difference of any two has a place.
class Packer {
 public:
  template <class Number>
  void operator()(const Number& number, const Number& before) {
    const auto difference =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(number) -
                                  static_cast<std::uint64_t>(before));
    std::uint64_t rest = (static_cast<std::uint64_t>(difference) << 1) ^
                         static_cast<std::uint64_t>(difference >> 63);
    for (; rest >= 0x80; rest >>= 7) {
      packed_.push_back(static_cast<char>(rest | 0x80));
    }
    packed_.push_back(static_cast<char>(rest));
  }

  const std::string& packed() const { return packed_; }

 private:
  std::string packed_;
};

class Unpacker {
 public:
  explicit Unpacker(const std::string& packed) : next_(packed.data()) {}

  template <class Number>
  void operator()(Number& number, const Number& before) {
    std::uint64_t rest = 0;
    int shift = 0;
    while ((*next_ & 0x80) != 0) {
      rest |= static_cast<std::uint64_t>(*next_++ & 0x7f) << shift;
      shift += 7;
    }
    rest |= static_cast<std::uint64_t>(*next_++) << shift;
    const std::uint64_t difference = (rest >> 1) ^ (~(rest & 1) + 1);
    number =
        static_cast<Number>(static_cast<std::uint64_t>(before) + difference);
  }

 private:
  const char* next_;
};

// What is packed of each kind of entry: the one list for both directions.
// `Entry` is const to pack, else it is filled in.
template <class Codec, class Entry>
void CodeEvent(Codec& codec, Entry& event, const ReadyEvent& before) {
  codec(event.handle_id, before.handle_id);
  codec(event.events, before.events);
  codec(event.cookie, before.cookie);
  codec(event.generation, before.generation);
  codec(event.order, before.order);
  codec(event.readiness, before.readiness);
}

template <class Codec, class Entry>
void CodeRegistration(Codec& codec, Entry& removed,
                      const Registration& before) {
  codec(removed.handle_id, before.handle_id);
  codec(removed.asked, before.asked);
  codec(removed.trigger, before.trigger);
  codec(removed.cookie, before.cookie);
  codec(removed.generation, before.generation);
  codec(removed.order, before.order);
  codec(removed.read_bytes, before.read_bytes);
}

template <class Codec, class Entry>
void CodeKevent(Codec& codec, Entry& kevent, const Kevent& before) {
  codec(kevent.ident, before.ident);
  codec(kevent.filter, before.filter);
  codec(kevent.flags, before.flags);
  codec(kevent.fflags, before.fflags);
  codec(kevent.data, before.data);
  codec(kevent.udata, before.udata);
}

template <class Codec, class Entry>
void CodeTaken(Codec& codec, Entry& taken, const TakenKevent& before) {
  CodeKevent(codec, taken.event, before.event);
  codec(taken.handle_id, before.handle_id);
  codec(taken.generation, before.generation);
  codec(taken.readiness, before.readiness);
  CodeKevent(codec, taken.asked, taken.event);
  codec(taken.change, before.change);
}

// `code(entry, before)` for each entry, with the one before it.
template <class Entries, class Code>
void CodeAll(Entries& entries, Code code) {
  typename Entries::value_type first{};
  auto* before = &std::as_const(first);
  for (auto& entry : entries) {
    code(entry, *before);
    before = &entry;
  }
}

template <class Codec, class AnyResult>
void CodeResult(Codec& codec, AnyResult& result) {
  CodeAll(result.events, [&codec](auto& event, const ReadyEvent& before) {
    CodeEvent(codec, event, before);
  });
  CodeAll(result.removed, [&codec](auto& removed, const Registration& before) {
    CodeRegistration(codec, removed, before);
  });
  CodeAll(result.kevents, [&codec](auto& taken, const TakenKevent& before) {
    CodeTaken(codec, taken, before);
  });
}

}  // namespace

KeptResult::KeptResult(const Result& result)
    : sequence_(result.sequence),
      sampled_at_(result.sampled_at),
      bytes_(result.bytes),
      events_(static_cast<std::uint32_t>(result.events.size())),
      removed_(static_cast<std::uint32_t>(result.removed.size())),
      kevents_(static_cast<std::uint32_t>(result.kevents.size())),
      timed_out_(result.timed_out) {
  Packer packer;
  CodeResult(packer, result);
  packed_ = packer.packed();  // a copy, which takes no more than it needs
  if (std::any_of(
          result.events.begin(), result.events.end(),
          [](const ReadyEvent& event) { return event.bytes != nullptr; })) {
    event_bytes_.reserve(events_);
    for (const ReadyEvent& event : result.events) {
      event_bytes_.push_back(event.bytes);
    }
  }
}

Result KeptResult::Unpack() const {
  Result result{.sequence = sequence_,
                .events = std::vector<ReadyEvent>(events_),
                .removed = std::vector<Registration>(removed_),
                .kevents = std::vector<TakenKevent>(kevents_),
                .timed_out = timed_out_,
                .sampled_at = sampled_at_,
                .bytes = bytes_};
  Unpacker unpacker(packed_);
  CodeResult(unpacker, result);
  for (std::size_t i = 0; i < event_bytes_.size(); ++i) {
    result.events[i].bytes = event_bytes_[i];
  }
  return result;
}

}  // namespace farpoll::server
