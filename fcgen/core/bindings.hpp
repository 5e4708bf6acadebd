// What the parts of the Python module share.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "trie.hpp"

namespace fcgen {

namespace nb = nanobind;
using namespace nb::literals;

template <class T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Table = nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
template <class T>
using Numpy = nb::ndarray<nb::numpy, T>;
using Mask = nb::ndarray<std::uint32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
std::span<const T> span_of(const Array<T>& array) {
    return {array.data(), array.size()};
}

// An array that owns what was in a vector.
template <class T>
Numpy<T> to_numpy(std::vector<T>&& values) {
    auto* kept = new std::vector<T>(std::move(values));
    nb::capsule owner(kept, [](void* kept) noexcept { delete static_cast<std::vector<T>*>(kept); });
    return Numpy<T>(kept->data(), {kept->size()}, owner);
}

inline Numpy<const std::int32_t> view(nb::handle owner, std::span<const std::int32_t> values) {
    return Numpy<const std::int32_t>(values.data(), {values.size()}, owner);
}

inline std::span<const std::uint8_t> bytes_of(const nb::bytes& bytes) {
    return {static_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

// Raises fcgen.errors.OptionError.
[[noreturn]] void raise_option_error(const std::string& found);

void bind_vocabulary(nb::module_& module);
void bind_terms(nb::module_& module);
void bind_names(nb::module_& module);
void bind_automaton(nb::module_& module);
void bind_cursor(nb::module_& module);

}  // namespace fcgen
