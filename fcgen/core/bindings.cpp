// The Python module `fcgen.core._core`; `_core.pyi` documents each name.

#include "bindings.hpp"

#include <atomic>
#include <exception>

#include "automaton.hpp"
#include "derivatives.hpp"
#include "dfa.hpp"
#include "fuel.hpp"

namespace fcgen {
namespace {

void raise_too_large(const char* message, nb::object limit, nb::object given, const char* hint) {
    nb::object error = nb::module_::import_("fcgen.errors").attr("GrammarTooLarge");
    PyErr_SetObject(error.ptr(), error(message, "limit"_a = limit, "given"_a = given, "hint"_a = hint).ptr());
}

void raise_out_of_steps(std::int64_t limit, const char* message) {
    nb::object error = nb::module_::import_("fcgen.errors").attr("OutOfSteps");
    const char* hint = "Simplify what is asked for, or raise the limit (max_steps).";
    PyErr_SetObject(error.ptr(), error(message, "limit"_a = limit, "hint"_a = hint).ptr());
}

void raise_left_recursion(const char* message) {
    nb::object error = nb::module_::import_("fcgen.errors").attr("GrammarError");
    PyErr_SetObject(error.ptr(), error(message, "hint"_a = "Remove the left recursion.").ptr());
}

void translate(const std::exception_ptr& thrown, void*) {
    try {
        std::rethrow_exception(thrown);
    } catch (const TooManyStates& error) {
        raise_too_large(error.what(), nb::int_(error.limit), nb::int_(error.given),
                        "Lower length bounds, simplify patterns, or offer fewer functions at once.");
    } catch (const TooAmbiguous& error) {
        raise_too_large(error.what(), nb::int_(Automaton::kMostThreads), nb::none(),
                        "Make the alternatives of `anyOf` differ earlier.");
    } catch (const TooManyDfaStates& error) {
        raise_too_large(error.what(), nb::int_(error.limit), nb::int_(error.limit + 1), "Simplify the pattern.");
    } catch (const OutOfFuel& error) {
        raise_out_of_steps(error.limit, error.what());
    } catch (const LeftRecursion& error) {
        raise_left_recursion(error.what());
    } catch (const RecordingFound&) {
        const nb::object& error = hooks().recording;
        PyErr_SetObject(error.ptr(), error().ptr());
    }
}

}  // namespace

void raise_option_error(const std::string& found) {
    nb::object error = nb::module_::import_("fcgen.errors").attr("OptionError");
    PyErr_SetObject(error.ptr(), error(nb::str(found.c_str(), found.size())).ptr());
    throw nb::python_error();
}

// The types of terms and what they share are one for the process, so one interpreter in it has the module.
void refuse_other_interpreters() {
    static std::atomic<std::int64_t> owner{-1};
    const std::int64_t here = PyInterpreterState_GetID(PyInterpreterState_Get());
    std::int64_t known = -1;
    if (owner.compare_exchange_strong(known, here) || known == here) return;
    PyErr_SetString(PyExc_ImportError, "fcgen's core is in use by another interpreter of this process");
    throw nb::python_error();
}

}  // namespace fcgen

NB_MODULE(_core, module) {
    fcgen::refuse_other_interpreters();
    nanobind::set_leak_warnings(false);  // caches of modules live until the process ends
    nanobind::register_exception_translator(fcgen::translate);
    fcgen::bind_vocabulary(module);
    fcgen::bind_terms(module);
    fcgen::bind_names(module);
    fcgen::bind_automaton(module);
    fcgen::bind_cursor(module);
    module.attr("version") = FCGEN_VERSION;
    module.attr("build") = FCGEN_BUILD;
    module.attr("DEAD") = fcgen::kDead;
    module.attr("OPAQUE_NEXT") = fcgen::kOpaqueNext;
    module.attr("INFINITE") = fcgen::kInfinite;
    module.attr("ENDLESS") = fcgen::kEndless;
    module.attr("OPEN") = fcgen::kOpen;
    module.attr("BOTTOM") = fcgen::kBottom;
    module.attr("ROOT") = fcgen::Trie::kRoot;
    module.attr("BYTE_CLASSES") = nanobind::bytes(reinterpret_cast<const char*>(fcgen::kByteClasses.data()), 256);
}
