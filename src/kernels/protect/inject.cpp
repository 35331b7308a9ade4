// SPDX-License-Identifier: Apache-2.0
// Protected attention with one fault in it. Operands that stand in the caller's memory are corrupted in a copy of it.
#include <algorithm>
#include <mutex>

#include "kernels/protect/protected_attention.h"
#include "kernels/protect/protected_problem.h"
#include "kernels/protect/protected_run.h"

namespace plumb::kernels::protect {
namespace {

/// One head of k or v as it lies in memory, corrupted.
class HeadCopy {
  public:
    HeadCopy(base::Dtype dtype, const void* source, std::int64_t rows, std::int64_t row_stride, std::int64_t columns, std::int64_t row,
             std::int64_t column, const Fault& fault) {
        const std::int64_t size = base::size_of(dtype);
        const auto* bytes = static_cast<const std::byte*>(source);
        bytes_.assign(bytes, bytes + ((rows - 1) * row_stride + columns) * size);
        const std::int64_t last = fault.model == FaultModel::burst ? std::min(column + 4, columns) : column + 1;
        for (std::int64_t c = column; c < last; ++c) corrupt(dtype, row * row_stride + c, fault, static_cast<std::uint64_t>(c - column));
    }
    const void* data() const { return bytes_.data(); }

  private:
    void corrupt(base::Dtype dtype, std::int64_t index, const Fault& fault, std::uint64_t place) {
        if (dtype == base::Dtype::fp32) {
            float& number = reinterpret_cast<float*>(bytes_.data())[index];
            number = corrupted(number, fault, place);
        } else {
            std::uint16_t& number = reinterpret_cast<std::uint16_t*>(bytes_.data())[index];
            number = corrupted(number, dtype, fault, place);
        }
    }
    std::vector<std::byte> bytes_;
};

class InjectedFault {
  public:
    InjectedFault(const attention::Problem& problem, const Fault& fault) : problem_(problem), fault_(fault) {}

    const GuardedKernel& kernel(Isa isa) const { return injected_kernel(isa); }
    const Fault* fault() const { return &fault_; }

    /// Once its sums are made the caller's memory is wrong, and stays so: the first time there is nothing to see yet.
    void corrupt_in_place(std::int64_t key_head, attention::PreparedHead& head, bool first) const {
        if (!first) replace(key_head, head);
    }
    void corrupt_copies(std::int64_t key_head, attention::PreparedHead& head, HeadSums& sums) const {
        if (key_head != fault_.key_head || fault_.key >= head.keys) return;
        const bool copied_keys = packed_keys(head);
        const bool copied_values = packed_values(head);
        replace(key_head, head);
        const attention::Shape& s = problem_.shape;
        if (fault_.site == Site::key && copied_keys) {
            auto* keys = const_cast<float*>(static_cast<const float*>(head.k_MD));
            strike(s.head_dim, [&](std::int64_t c) -> float& { return keys[fault_.key * head.k_row + c]; });
        }
        if (fault_.site == Site::value && copied_values) {
            auto* values = const_cast<float*>(static_cast<const float*>(head.v));
            const auto place = kernel(current_isa()).packed_value;
            strike(s.value_dim, [&](std::int64_t c) -> float& { return values[place(head.keys, s.value_dim, fault_.key, c)]; });
        }
        const std::int64_t block = fault_.key / attention::tile_kernel(current_isa()).block_keys;
        if (fault_.site == Site::key_sum)
            strike(s.head_dim, [&](std::int64_t c) -> float& { return sums.key_sums_BD[block * s.head_dim + c]; });
        if (fault_.site == Site::value_sum) sums.value_sums_M[fault_.key] = corrupted(sums.value_sums_M[fault_.key], fault_);
    }

  private:
    /// Packed copies are fp32 in memory of the run's own; what is not packed lies where the caller has it.
    bool packed_keys(const attention::PreparedHead& head) const { return !lies_in(head.k_MD, problem_.k, problem_.k_strides); }
    bool packed_values(const attention::PreparedHead& head) const { return head.v_row == 0; }
    bool lies_in(const void* head, const void* numbers, const attention::Strides& strides) const {
        const attention::Shape& s = problem_.shape;
        const std::int64_t offset = fault_.key_head / s.kv_heads() * strides.batch + fault_.key_head % s.kv_heads() * strides.head;
        return head == base::advance(problem_.dtype, numbers, offset);
    }

    void replace(std::int64_t key_head, attention::PreparedHead& head) const {
        if (key_head != fault_.key_head || fault_.key >= head.keys) return;
        const attention::Shape& s = problem_.shape;
        if (fault_.site == Site::key && !packed_keys(head)) head.k_MD = keep(head.k_MD, head.keys, head.k_row, s.head_dim);
        if (fault_.site == Site::value && !packed_values(head)) head.v = keep(head.v, head.keys, head.v_row, s.value_dim);
    }
    const void* keep(const void* source, std::int64_t rows, std::int64_t row_stride, std::int64_t columns) const {
        const std::lock_guard lock(mutex_);
        copies_.push_back(std::make_unique<HeadCopy>(problem_.dtype, source, rows, row_stride, columns, fault_.key,
                                                     std::min(fault_.column, columns - 1), fault_));
        return copies_.back()->data();
    }
    template <class At>
    void strike(std::int64_t columns, const At& at) const {
        const std::int64_t first = std::min(fault_.column, columns - 1);
        const std::int64_t last = fault_.model == FaultModel::burst ? std::min(first + 4, columns) : first + 1;
        for (std::int64_t c = first; c < last; ++c) at(c) = corrupted(at(c), fault_, static_cast<std::uint64_t>(c - first));
    }

    const attention::Problem& problem_;
    const Fault fault_;
    mutable std::mutex mutex_;
    mutable std::vector<std::unique_ptr<HeadCopy>> copies_;
};

}  // namespace

Report inject(const attention::Problem& problem, const Protection& protection, const Fault& fault, void* out,
              const attention::Strides& out_strides, float* lse_BHN, float* row_sums_BHN) {
    require_protectable(problem, protection);
    if (!has_rows(problem)) return {};
    const InjectedFault injection(problem, fault);
    return ProtectedRun<InjectedFault>(problem, effective(protection), {out, out_strides, lse_BHN}, row_sums_BHN, injection).all();
}

}  // namespace plumb::kernels::protect
