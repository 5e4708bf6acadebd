#include "partition.hpp"

#include <array>

#include "build.hpp"

namespace fcgen {
namespace {

constexpr std::size_t kFew = 16;

struct Cell {
    ByteSet bytes;
    std::vector<TermRef> terms;
};

// Splits cells by a set, and adds `then` to all that is in it.
void split(std::vector<Cell>& cells, ByteSet bytes, const TermRef& then) {
    const std::size_t before = cells.size();
    for (std::size_t i = 0; i < before && !bytes.is_empty(); ++i) {
        const ByteSet common = cells[i].bytes & bytes;
        if (common.is_empty()) continue;
        const ByteSet rest = cells[i].bytes & ~common;
        bytes &= ~common;
        if (!rest.is_empty()) cells.push_back({rest, cells[i].terms});
        cells[i].bytes = common;
        cells[i].terms.push_back(then);
    }
    if (!bytes.is_empty()) cells.push_back({bytes, {then}});
}

}  // namespace

void Grouped::add(const ByteSet& bytes, const TermRef& then) {
    if (arcs_.size() < kFew) {
        for (Arc& arc : arcs_) {
            if (arc.then == then) {
                arc.bytes |= bytes;
                return;
            }
        }
    } else {
        if (places_.empty()) {
            for (std::size_t i = 0; i < arcs_.size(); ++i) places_[arcs_[i].then.get()] = i;
        }
        const auto [at, is_new] = places_.try_emplace(then.get(), arcs_.size());
        if (!is_new) {
            arcs_[at->second].bytes |= bytes;
            return;
        }
    }
    arcs_.push_back({bytes, then});
}

Arcs refined(std::span<const ArcsPointer> lists) {
    std::vector<Cell> singles;  // single bytes are many where names begin, and are looked up
    std::array<std::int16_t, 256> single_of;
    single_of.fill(-1);
    std::vector<Cell> wide;
    for (const ArcsPointer& list : lists) {
        const bool is_first = wide.empty();  // the sets of one list are disjoint
        for (const Arc& arc : *list) {
            if (arc.bytes.size() == 1) {
                std::int16_t& single = single_of[arc.bytes.first()];
                if (single < 0) {
                    single = static_cast<std::int16_t>(singles.size());
                    singles.push_back({arc.bytes, {}});
                }
                singles[static_cast<std::size_t>(single)].terms.push_back(arc.then);
            } else if (is_first) {
                wide.push_back({arc.bytes, {arc.then}});
            } else {
                split(wide, arc.bytes, arc.then);
            }
        }
    }
    for (Cell& single : singles) {
        for (Cell& cell : wide) {
            if (!(cell.bytes & single.bytes).is_empty()) {
                single.terms.insert(single.terms.end(), cell.terms.begin(), cell.terms.end());
                cell.bytes &= ~single.bytes;
                break;
            }
        }
    }
    Grouped found;
    for (const auto* cells : {&singles, &wide}) {
        for (const Cell& cell : *cells) {
            if (cell.bytes.is_empty()) continue;
            found.add(cell.bytes, cell.terms.size() == 1 ? cell.terms[0] : alt(cell.terms));
        }
    }
    return found.take();
}

Arcs crossed(std::span<const ArcsPointer> lists) {
    std::vector<Cell> rows = {{ByteSet::all(), {}}};
    for (const ArcsPointer& list : lists) {
        std::vector<Cell> next;
        for (const Cell& row : rows) {
            for (const Arc& arc : *list) {
                const ByteSet common = row.bytes & arc.bytes;
                if (common.is_empty()) continue;
                next.push_back({common, row.terms});
                next.back().terms.push_back(arc.then);
            }
        }
        rows = std::move(next);
    }
    Grouped found;
    for (const Cell& row : rows) {
        const TermRef then = both(row.terms);
        if (then != nothing()) found.add(row.bytes, then);
    }
    return found.take();
}

Arcs complemented(const Arcs& inner) {
    ByteSet rest = ByteSet::all();
    Grouped found;
    for (const Arc& arc : inner) {
        rest &= ~arc.bytes;
        const TermRef then = complement(arc.then);
        if (then != nothing()) found.add(arc.bytes, then);
    }
    if (!rest.is_empty()) found.add(rest, any_bytes());
    return found.take();
}

}  // namespace fcgen
