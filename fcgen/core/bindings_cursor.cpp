// Cursors and batches in Python.
//
// What is known is looked up here; for what is not, a cursor's own methods in Python are called (`_find_mask`,
// `_find_canonical_mask`, `_find_step`), which find it and note it.
//
// The interpreter's lock is given up where much memory is written, and nowhere else: beside a thread that computes, it
// takes up to 5 ms to have it back. A walk that gives it up between the states that Python expands was tried: its mean
// time grew from 116 to 206 us, its 99th percentile from 1.2 to 9.6 ms.

#include <optional>
#include <string>
#include <vector>

#include "batch.hpp"
#include "bindings.hpp"
#include "cursor.hpp"

namespace fcgen {
namespace {

using Of = nb::pointer_and_handle<Cursor>;

// A mask that stays as long as anyone holds it. Dropping it wants the interpreter's lock.
SharedMask share(const nb::object& array, std::size_t words) {
    Array<std::uint32_t> mask;
    if (!nb::try_cast(array, mask, false)) throw nb::value_error("a mask is an array of uint32, of one axis");
    if (mask.size() != words) throw nb::value_error("a mask of another vocabulary");
    Py_INCREF(array.ptr());
    return {mask.data(), {array.ptr(), [](void* kept) { Py_DECREF(static_cast<PyObject*>(kept)); }}};
}

nb::object array_of(const SharedMask& mask) {
    return nb::borrow(static_cast<PyObject*>(mask.owner.get()));
}

nb::object array_or_none(const SharedMask& mask) {
    return mask.owner == nullptr ? nb::none() : array_of(mask);
}

nb::object find_mask(Of self, MaskKind kind) {
    if (const SharedMask* known = self.p->known_mask(kind)) return array_of(*known);
    return self.h.attr(kind == MaskKind::kCanonical ? "_find_canonical_mask" : "_find_mask")();
}

// The number of a token, where it is an integer of Python and can be one.
std::optional<TokenId> read_token(nb::handle token) {
    if (!PyLong_CheckExact(token.ptr())) return std::nullopt;
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(token.ptr(), &overflow);
    if (overflow != 0 || value < 0 || value > std::numeric_limits<TokenId>::max()) return std::nullopt;
    return static_cast<TokenId>(value);
}

void advance(Of self, nb::handle token) {
    const std::optional<TokenId> read = read_token(token);
    if (!read || !self.p->take_known(*read)) self.h.attr("_find_step")(token);
}

nb::object copy(Of self) {
    nb::object twin = nb::inst_alloc(self.h.type());
    new (nb::inst_ptr<Cursor>(twin)) Cursor(*self.p);
    nb::inst_mark_ready(twin);
    return twin;
}

void rollback(Cursor& self, nb::handle count) {
    const nb::object wanted = nb::steal(PyNumber_Index(count.ptr()));
    if (!wanted.is_valid()) throw nb::python_error();
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(wanted.ptr(), &overflow);
    const auto most = static_cast<long long>(self.tokens().size());
    if (overflow != 0 || value < 0 || value > most) {
        const std::string found = "rollback(" + std::string(nb::str(wanted).c_str()) + "): there are " +
                                  std::to_string(most) + " tokens to take back";
        throw nb::value_error(found.c_str());
    }
    self.rollback(static_cast<std::size_t>(value));
}

// The cursors of a batch; null where there is none. The list that holds them is not changed while they are asked.
struct Batch {
    nb::list held;
    std::vector<Cursor*> cursors;
};

Batch read_cursors(nb::handle cursors) {
    Batch batch{nb::steal<nb::list>(PySequence_List(cursors.ptr())), {}};
    if (!batch.held.is_valid()) throw nb::python_error();
    for (nb::handle one : batch.held) {
        Cursor* cursor = nullptr;
        if (!one.is_none() && !nb::try_cast(one, cursor, false)) {
            raise_option_error("a batch is of cursors, and of None where there is none; found " +
                               std::string(nb::type_name(one.type()).c_str()));
        }
        batch.cursors.push_back(cursor);
    }
    return batch;
}

// Errors of fcgen by the number of the cursor; others are raised at once, as an interruption is.
class Errors {
  public:
    template <class Work>
    void collect(std::size_t number, Work&& work) {
        try {
            work();
        } catch (nb::python_error& error) {
            if (!error.matches(nb::module_::import_("fcgen.errors").attr("FcgenError"))) throw;
            found_[nb::int_(number)] = error.value();
        }
    }

    nb::dict found() const { return found_; }

  private:
    nb::dict found_;
};

bool is_host(int device) {
    return device == nb::device::cpu::value || device == nb::device::cuda_host::value ||
           device == nb::device::rocm_host::value || device == nb::device::cuda_managed::value;
}

// An array whose memory is here, in rows without gaps.
template <class Found>
Found read_array(nb::handle array, const std::string& name) {
    Found found;
    if (!nb::try_cast(array, found, false)) {
        nb::ndarray<nb::ro> readable;
        const bool is_readable = nb::try_cast(array, readable, false);
        raise_option_error(name + " is a " + nb::type_name(array.type()).c_str() +
                           (is_readable ? " that is read-only" : " whose memory cannot be had"));
    }
    if (!is_host(found.device_type())) raise_option_error(name + " is not in the memory of the processor");
    if (found.ndim() != 2) raise_option_error(name + " has " + std::to_string(found.ndim()) + " axes, not 2");
    const bool is_whole = found.stride(1) == 1 || found.shape(1) < 2;
    if (!is_whole || (found.stride(0) == 0 && found.shape(0) > 1 && found.shape(1) > 0)) {
        raise_option_error(name + " is not contiguous: its rows have gaps, or are one in the other");
    }
    return found;
}

template <class Found>
void check_words(const Found& found, const std::string& name) {
    if (found.dtype() != nb::dtype<std::uint32_t>() && found.dtype() != nb::dtype<std::int32_t>()) {
        raise_option_error(name + " has numbers of another type than uint32 and int32");
    }
}

// The rows of a buffer that the cursors' masks go to.
std::vector<std::size_t> read_rows(nb::handle rows, std::size_t count, std::size_t most) {
    std::vector<std::size_t> found(count);
    if (rows.is_none()) {
        for (std::size_t i = 0; i < count; ++i) found[i] = i;
    } else if (!nb::try_cast(rows, found)) {
        raise_option_error("rows are numbers of rows of `out`");
    }
    if (found.size() != count) {
        raise_option_error("there are " + std::to_string(found.size()) + " rows for " + std::to_string(count) +
                           " cursors");
    }
    std::vector<bool> taken(most);
    for (std::size_t row : found) {
        if (row >= most) raise_option_error("`out` has " + std::to_string(most) + " rows, too few");
        if (taken[row]) raise_option_error("two cursors have row " + std::to_string(row));
        taken[row] = true;
    }
    return found;
}

// Gives up the interpreter's lock while many bytes are written.
class Unlocked {
  public:
    explicit Unlocked(std::size_t bytes) {
        if (bytes >= kMany) unlocked_.emplace();
    }

  private:
    static constexpr std::size_t kMany = 256 << 10;  // some 20 us

    std::optional<nb::gil_scoped_release> unlocked_;
};

// Writes the masks of cursors into a buffer. Gives the errors by cursor: these rows allow nothing.
nb::dict fill(nb::handle cursors, nb::handle out, nb::handle rows, bool canonical, unsigned threads) {
    const Batch batch = read_cursors(cursors);
    const auto buffer = read_array<nb::ndarray<>>(out, "the array `out`");
    check_words(buffer, "the array `out`");
    const std::vector<std::size_t> places = read_rows(rows, batch.cursors.size(), buffer.shape(0));
    const MaskKind kind = canonical ? MaskKind::kCanonical : MaskKind::kAllowed;
    Errors errors;
    std::vector<SharedMask> held;  // while they are copied, whatever is dropped elsewhere
    std::vector<MaskCopy> copies;
    for (std::size_t i = 0; i < batch.cursors.size(); ++i) {
        Cursor* const cursor = batch.cursors[i];
        auto* const to =
            static_cast<std::uint32_t*>(buffer.data()) + static_cast<std::ptrdiff_t>(places[i]) * buffer.stride(0);
        MaskCopy row{to, nullptr, 0, buffer.shape(1), cursor == nullptr ? ~std::uint32_t{0} : 0};
        if (cursor != nullptr && cursor->table().words > row.width) {
            raise_option_error("`out` has rows of " + std::to_string(row.width) + " words, and a mask has " +
                               std::to_string(cursor->table().words));
        }
        if (cursor != nullptr && !cursor->stopped()) {
            errors.collect(i, [&] {
                const SharedMask* const known = cursor->known_mask(kind);
                const std::size_t words = cursor->table().words;
                held.push_back(known != nullptr ? *known : share(find_mask({cursor, batch.held[i]}, kind), words));
                row.from = held.back().words;
                row.words = words;
            });
        }
        copies.push_back(row);
    }
    {
        const Unlocked unlocked(copies.size() * buffer.shape(1) * sizeof(std::uint32_t));
        copy_masks(copies, threads);
    }
    return errors.found();
}

// The tokens of a batch as integers of Python.
nb::list read_tokens(nb::handle tokens) {
    nb::object found = nb::borrow(tokens);
    if (nb::hasattr(tokens, "tolist")) found = tokens.attr("tolist")();  // of numpy, or torch
    if (!PySequence_Check(found.ptr())) raise_option_error("tokens are a list or an array of one axis");
    auto read = nb::steal<nb::list>(PySequence_List(found.ptr()));
    if (!read.is_valid()) throw nb::python_error();
    return read;
}

// Takes a token in each of some cursors. Gives the errors by cursor: these stay where they are.
nb::dict advance_all(nb::handle cursors, nb::handle tokens) {
    const Batch batch = read_cursors(cursors);
    const nb::list read = read_tokens(tokens);
    if (read.size() != batch.cursors.size()) {
        raise_option_error("there are " + std::to_string(read.size()) + " tokens for " +
                           std::to_string(batch.cursors.size()) + " cursors");
    }
    Errors errors;
    for (std::size_t i = 0; i < batch.cursors.size(); ++i) {
        if (batch.cursors[i] == nullptr) continue;
        errors.collect(i, [&] { advance({batch.cursors[i], batch.held[i]}, read[i]); });
    }
    return errors.found();
}

Float read_float(nb::dlpack::dtype type) {
    const bool is_brain = type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Bfloat);
    const bool is_float = type.code == static_cast<std::uint8_t>(nb::dlpack::dtype_code::Float);
    if (is_brain && type.bits == 16) return Float::kBfloat16;
    if (is_float && type.bits == 16) return Float::kFloat16;
    if (is_float && type.bits == 32) return Float::kFloat32;
    if (is_float && type.bits == 64) return Float::kFloat64;
    raise_option_error("the array `logits` has numbers of another type than float16, bfloat16, float32 and float64");
}

void apply_masks(nb::handle logits, nb::handle masks, unsigned threads) {
    const auto to = read_array<nb::ndarray<>>(logits, "the array `logits`");
    const auto from = read_array<nb::ndarray<nb::ro>>(masks, "the array `masks`");
    check_words(from, "the array `masks`");
    const Float type = read_float(to.dtype());
    const std::size_t words = (to.shape(1) + 31) / 32;
    if (from.shape(0) != to.shape(0) || from.shape(1) != words) {
        raise_option_error("masks are " + std::to_string(from.shape(0)) + " rows of " + std::to_string(from.shape(1)) +
                           " words, and logits of that shape want " + std::to_string(to.shape(0)) + " of " +
                           std::to_string(words));
    }
    const MaskedLogits masked{static_cast<std::byte*>(to.data()),
                              static_cast<std::ptrdiff_t>(to.stride(0) * to.itemsize()),
                              static_cast<const std::uint32_t*>(from.data()),
                              static_cast<std::ptrdiff_t>(from.stride(0) * from.itemsize()),
                              to.shape(0),
                              to.shape(1),
                              type};
    const Unlocked unlocked(to.size() * to.itemsize());
    mask_logits(masked, threads);
}

void bind_table(nb::module_& module) {
    nb::class_<ConfigurationTable>(module, "ConfigurationTable")
        .def(nb::init<std::size_t, std::size_t, std::size_t>(), "words"_a, "max_masks"_a, "max_steps"_a)
        .def_ro("words", &ConfigurationTable::words)
        .def(
            "known_mask",
            [](ConfigurationTable& self, Configuration configuration) {
                const auto* known = self.masks(configuration);
                return known == nullptr ? nb::object(nb::none()) : array_or_none(known->mask);
            },
            "configuration"_a)
        .def(
            "keep_mask",
            [](ConfigurationTable& self, Configuration configuration, const nb::object& mask) {
                self.keep_mask(configuration, share(mask, self.words));
            },
            "configuration"_a, "mask"_a)
        .def(
            "known_canonical_mask",
            [](ConfigurationTable& self, Configuration configuration) {
                const auto* known = self.masks(configuration);
                return known == nullptr ? nb::object(nb::none()) : array_or_none(known->canonical);
            },
            "configuration"_a)
        .def(
            "keep_canonical_mask",
            [](ConfigurationTable& self, Configuration configuration, const nb::object& mask) {
                self.keep_canonical(configuration, share(mask, self.words));
            },
            "configuration"_a, "mask"_a)
        .def(
            "known_most_to_finish",
            [](ConfigurationTable& self, Configuration configuration) -> std::optional<std::int64_t> {
                const auto* known = self.masks(configuration);
                if (known == nullptr || known->most_to_finish == ConfigurationTable::kUnknown) return std::nullopt;
                return known->most_to_finish;
            },
            "configuration"_a)
        .def("keep_most_to_finish", &ConfigurationTable::keep_most_to_finish, "configuration"_a, "tokens"_a)
        .def("known_step", &ConfigurationTable::step, "configuration"_a, "token"_a)
        .def("keep_step", &ConfigurationTable::keep_step, "configuration"_a, "token"_a, "then"_a)
        .def("known_to_finish", &ConfigurationTable::to_finish, "configuration"_a)
        .def("keep_to_finish", &ConfigurationTable::keep_to_finish, "configuration"_a, "tokens"_a);
}

void bind_cursors(nb::module_& module) {
    nb::class_<Cursor>(module, "Cursor")
        .def(
            "__init__",
            [](Cursor* self, std::shared_ptr<ConfigurationTable> table, Configuration start,
               std::optional<std::int64_t> budget) {
                new (self) Cursor(std::move(table), start, budget.value_or(Cursor::kNoBudget));
            },
            "table"_a, "start"_a, "budget"_a.none())
        .def_prop_ro("table", [](const Cursor& self) { return nb::find(&self.table()); })
        .def_prop_ro("configuration", &Cursor::configuration)
        .def_prop_ro("stopped", &Cursor::stopped)
        .def_prop_ro("length", [](const Cursor& self) { return self.tokens().size(); })
        .def_prop_ro("left",
                     [](const Cursor& self) { return self.has_budget() ? std::optional(self.left()) : std::nullopt; })
        .def_prop_ro("tokens",
                     [](const Cursor& self) {
                         nb::list found;
                         for (TokenId token : self.tokens()) found.append(token);
                         return nb::tuple(found);
                     })
        .def("mask", [](Of self) { return find_mask(self, MaskKind::kAllowed); })
        .def("canonical_mask", [](Of self) { return find_mask(self, MaskKind::kCanonical); })
        .def("advance", &advance, "token"_a.none())
        .def("take", &Cursor::take, "token"_a, "then"_a)
        .def("rollback", &rollback, "count"_a.none())
        .def("copy", &copy)
        .def("move_to", &Cursor::move_to, "table"_a, "path"_a);
}

}  // namespace

void bind_cursor(nb::module_& module) {
    bind_table(module);
    bind_cursors(module);
    module.attr("STOPPED") = kStopped;
    module.def("fill", &fill, "cursors"_a.none(), "out"_a.none(), "rows"_a.none(), "canonical"_a, "threads"_a);
    module.def("advance_all", &advance_all, "cursors"_a.none(), "tokens"_a.none());
    module.def("apply_masks", &apply_masks, "logits"_a.none(), "masks"_a.none(), "threads"_a);
}

}  // namespace fcgen
