// Owns: the call, and what its answer means range by range.
// Called by: see process_madvise.h.
// Never: see process_madvise.h.
#include "backend/linux/guest/process_madvise.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <algorithm>

#include "base/system_call.h"

namespace hakmem {
namespace {

// The process itself, without a descriptor that a child could inherit or a program close (pidfd.h,
// Linux 6.14).
constexpr int kPidfdSelfProcess = -10001;
constexpr long kProcessMadviseNumber = 440;  // of every architecture; missing in older headers
constexpr size_t kMostRanges = 1024;         // UIO_MAXIOV

static_assert(sizeof(AddressRange) == sizeof(iovec));
static_assert(offsetof(AddressRange, start) == offsetof(iovec, iov_base));
static_assert(offsetof(AddressRange, bytes) == offsetof(iovec, iov_len));

// How many ranges lie wholly within the first `bytes`.
size_t whole_ranges(const AddressRange* ranges, size_t count, size_t bytes) {
  size_t index = 0;
  for (; index < count && ranges[index].bytes <= bytes; ++index) bytes -= ranges[index].bytes;
  return index;
}

}  // namespace

// A partial result ends before the first range that the kernel did not take, or within it. Purging
// a range twice does no harm.
PurgeProgress purge_by_process_madvise(const AddressRange* ranges, size_t count) {
  size_t done = 0;
  while (done < count) {
    const size_t asked = std::min(count - done, kMostRanges);
    const long result = system_call(kProcessMadviseNumber, kPidfdSelfProcess, ranges + done, asked,
                                    MADV_DONTNEED, 0);
    if (result < 0) {
      const bool once = result == -EAGAIN || result == -ENOMEM;
      return {done, done == 0 && !once};
    }
    const size_t whole = whole_ranges(ranges + done, asked, static_cast<size_t>(result));
    if (whole == 0) break;
    done += whole;
  }
  return {done, false};
}

}  // namespace hakmem
