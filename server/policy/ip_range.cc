#include "server/policy/ip_range.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/errno_status.h"

namespace farpoll::server {
namespace {

struct SpecialBlock {
  const char* range;
  const char* name;
};

constexpr SpecialBlock kSpecialBlocks[] = {
    {"0.0.0.0/8", "unspecified"},
    {"10.0.0.0/8", "private"},
    {"100.64.0.0/10", "shared"},
    {"100.100.100.200/32", "metadata"},
    {"127.0.0.0/8", "loopback"},
    {"168.63.129.16/32", "metadata"},
    {"169.254.0.0/16", "link-local"},
    {"169.254.0.23/32", "metadata"},
    {"169.254.169.254/32", "metadata"},
    {"169.254.170.2/32", "metadata"},
    {"169.254.170.23/32", "metadata"},
    {"172.16.0.0/12", "private"},
    {"192.0.0.0/24", "protocol assignments"},
    {"192.0.0.192/32", "metadata"},
    {"192.168.0.0/16", "private"},
    {"198.18.0.0/15", "benchmarking"},
    {"224.0.0.0/4", "multicast"},
    {"240.0.0.0/4", "reserved"},
    {"255.255.255.255/32", "broadcast"},
    {"::/128", "unspecified"},
    {"::1/128", "loopback"},
    {"::/96", "IPv4-compatible"},
    {"::ffff:0:0/96", "IPv4-mapped"},
    {"::ffff:0:0:0/96", "IPv4-translated"},
    {"64:ff9b::/96", "NAT64"},
    {"64:ff9b:1::/48", "NAT64"},
    {"2001::/32", "Teredo"},
    {"2002::/16", "6to4"},
    {"fc00::/7", "private"},
    {"fd00:ec2::23/128", "metadata"},
    {"fd00:ec2::254/128", "metadata"},
    {"fd20:ce::254/128", "metadata"},
    {"fe80::/10", "link-local"},
    {"fe80::a9fe:a9fe/128", "metadata"},
    {"fec0::/10", "site-local"},
    {"ff00::/8", "multicast"},
};

// Where an IPv4 address stands inside an IPv6 one (RFC 4291 2.5.5, RFC 2765
// 2.1, RFC 6052 2.2, RFC 3056): right behind the block's prefix.
constexpr const char* kEmbeddings[] = {
    "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "2002::/16"};
// A site chooses which 96 bits in here stand before the IPv4 address (RFC
// 8215).
constexpr char kLocalNat64[] = "64:ff9b:1::/48";

struct Blocks {
  struct Named {
    IpRange range;
    absl::string_view name;
  };
  std::vector<Named> special;
  std::vector<IpRange> embeddings;
  IpRange local_nat64;
};

const Blocks& KnownBlocks() {
  static const Blocks* const blocks = [] {
    auto* const made = new Blocks;
    for (const SpecialBlock& block : kSpecialBlocks) {
      made->special.push_back({*ParseIpRange(block.range), block.name});
    }
    for (const char* const range : kEmbeddings) {
      made->embeddings.push_back(*ParseIpRange(range));
    }
    made->local_nat64 = *ParseIpRange(kLocalNat64);
    return made;
  }();
  return *blocks;
}

bool SamePrefix(const IpAddress& a, const IpAddress& b, int bits) {
  const int whole = bits / 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) {
    return false;
  }
  const int rest = bits % 8;
  return rest == 0 || ((a.bytes[whole] ^ b.bytes[whole]) >> (8 - rest)) == 0;
}

IpAddress Embedded(const IpRange& embedding, const IpAddress& address) {
  IpAddress inner;
  std::copy_n(address.bytes.begin() + embedding.prefix / 8, 4,
              inner.bytes.begin());
  return inner;
}

// The IPv4 block as it looks inside the embedding.
IpRange Image(const IpRange& embedding, const IpRange& block) {
  IpRange image = embedding;
  std::copy_n(block.first.bytes.begin(), 4,
              image.first.bytes.begin() + embedding.prefix / 8);
  image.prefix += block.prefix;
  return image;
}

// The embeddings that `address` lies in.
std::vector<IpRange> EmbeddingsOf(const IpAddress& address) {
  const Blocks& known = KnownBlocks();
  std::vector<IpRange> embeddings;
  std::copy_if(known.embeddings.begin(), known.embeddings.end(),
               std::back_inserter(embeddings), [&](const IpRange& embedding) {
                 return embedding.Contains(address);
               });
  if (known.local_nat64.Contains(address)) {
    IpRange chosen{.first = address, .prefix = 96};
    std::fill(chosen.first.bytes.begin() + 12, chosen.first.bytes.end(), 0);
    embeddings.push_back(chosen);
  }
  return embeddings;
}

// Every special block around `address`, those of an embedded IPv4 address
// included.
std::vector<Blocks::Named> BlocksAround(const IpAddress& address) {
  std::vector<Blocks::Named> around;
  const Blocks& known = KnownBlocks();
  for (const Blocks::Named& block : known.special) {
    if (block.range.Contains(address)) {
      around.push_back(block);
    }
  }
  for (const IpRange& embedding : EmbeddingsOf(address)) {
    const IpAddress inner = Embedded(embedding, address);
    for (const Blocks::Named& block : known.special) {
      if (block.range.Contains(inner)) {
        around.push_back({Image(embedding, block.range), block.name});
      }
    }
  }
  return around;
}

absl::Status BadRange(absl::string_view text, absl::string_view why) {
  return MakeError(EINVAL, "BAD_RANGE", text, why);
}

}  // namespace

std::string IpAddress::Text() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(is_v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof(text));
  return text;
}

absl::StatusOr<IpAddress> ParseIpAddress(absl::string_view text) {
  // What stands behind a NUL would be read by nobody.
  const std::string terminated(text.find('\0') == text.npos ? text : "");
  IpAddress address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
    return address;
  }
  address.is_v6 = true;
  if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
    return address;
  }
  return MakeError(EINVAL, "BAD_ADDRESS", text,
                   "expected an IPv4 or IPv6 address");
}

absl::StatusOr<IpAddress> IpAddressOf(const sockaddr_storage& name) {
  IpAddress address;
  if (name.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(name);
    memcpy(address.bytes.data(), &four.sin_addr, sizeof(four.sin_addr));
    return address;
  }
  if (name.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(name);
    address.is_v6 = true;
    memcpy(address.bytes.data(), &six.sin6_addr, sizeof(six.sin6_addr));
    return address;
  }
  return MakeError(EAFNOSUPPORT, "BAD_ADDRESS", "address",
                   "not an internet address");
}

bool IpRange::Contains(const IpAddress& address) const {
  return first.is_v6 == address.is_v6 && SamePrefix(first, address, prefix);
}

bool IpRange::Contains(const IpRange& other) const {
  return other.prefix >= prefix && Contains(other.first);
}

std::string IpRange::Text() const {
  return absl::StrCat(first.Text(), "/", prefix);
}

absl::StatusOr<IpRange> ParseIpRange(absl::string_view text) {
  const std::size_t slash = text.find('/');
  const absl::StatusOr<IpAddress> first = ParseIpAddress(text.substr(0, slash));
  if (!first.ok()) {
    return BadRange(text,
                    "expected an address or ADDRESS/PREFIX, as 10.0.0.0/8");
  }
  IpRange range{.first = *first, .prefix = first->bits()};
  if (slash != absl::string_view::npos &&
      (!absl::SimpleAtoi(text.substr(slash + 1), &range.prefix) ||
       range.prefix < 0 || range.prefix > first->bits())) {
    return BadRange(text, absl::StrCat("expected a prefix from 0 to ",
                                       first->bits(), " after '/'"));
  }
  for (int bit = range.prefix; bit < first->bits(); ++bit) {
    if ((first->bytes[bit / 8] & (0x80 >> (bit % 8))) != 0) {
      return BadRange(
          text,
          absl::StrCat("expected no bits set behind the first ", range.prefix));
    }
  }
  return range;
}

bool RangeAllows(const IpRange& range, const IpAddress& address) {
  if (!range.Contains(address)) {
    return false;
  }
  const std::vector<Blocks::Named> around = BlocksAround(address);
  return std::all_of(
      around.begin(), around.end(),
      [&](const Blocks::Named& block) { return block.range.Contains(range); });
}

absl::string_view SpecialBlockOf(const IpAddress& address) {
  const std::vector<Blocks::Named> around = BlocksAround(address);
  const auto narrowest = std::max_element(
      around.begin(), around.end(), [](const auto& a, const auto& b) {
        return a.range.prefix < b.range.prefix;
      });
  return narrowest == around.end() ? "" : narrowest->name;
}

}  // namespace farpoll::server
