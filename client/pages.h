// client/pages.h: room: client, private to it. Reads a paged list to its end.
#ifndef FARPOLL_CLIENT_PAGES_H_
#define FARPOLL_CLIENT_PAGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/connection.h"

namespace farpoll::client {

// Calls `method` until no token is left and joins what `items` gives.
template <typename Item, typename Stub, typename Request, typename Response,
          typename Items>
absl::StatusOr<std::vector<Item>> AllPages(
    Connection& connection, Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    Request request, Items (Response::*items)() const) {
  constexpr int kPageSize = 1000;
  std::vector<Item> all;
  request.set_page_size(kPageSize);
  do {
    absl::StatusOr<Response> page = connection.Unary(stub, method, request);
    if (!page.ok()) {
      return page.status();
    }
    const auto& found = ((*page).*items)();
    all.insert(all.end(), found.begin(), found.end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace farpoll::client

#endif  // FARPOLL_CLIENT_PAGES_H_
