// SPDX-License-Identifier: Apache-2.0
// HDF5 exports as tables: root-level data sets of compound rows (H5T_COMPOUND), read in blocks of rows, only the members that are asked
// for. The file is somebody else's: links and data outside of it are refused, and sizes are checked before anything is allocated.
#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "families/compression/nsys_tables.h"
#include "families/compression/printable.h"

namespace plumb::families::compression {

namespace {

/// An identifier of the library with the function that gives it back.
class Handle {
  public:
    Handle() = default;
    Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
    ~Handle() {
        if (id_ >= 0) close_(id_);
    }
    Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
    Handle& operator=(Handle&& other) noexcept {
        std::swap(id_, other.id_);
        std::swap(close_, other.close_);
        return *this;
    }
    hid_t get() const { return id_; }
    explicit operator bool() const { return id_ >= 0; }

  private:
    hid_t id_ = -1;
    herr_t (*close_)(hid_t) = nullptr;
};

/// What the library says at the place where it failed first.
std::string reason() {
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned position, const H5E_error2_t* error, void* result) -> herr_t {
            if (position == 0 && error->desc) *static_cast<std::string*>(result) = error->desc;
            return 0;
        },
        &text);
    return text.empty() ? "unreadable" : text;
}

constexpr std::size_t block_bytes = std::size_t{4} << 20;
constexpr std::size_t largest_row = std::size_t{1} << 20;
/// deflate makes at most 1032 bytes of one.
constexpr std::uint64_t largest_expansion = 1040;

/// One member of a row in memory: where it lies and how it is read.
struct Member {
    enum class Form { integer, real, fixed_text, variable_text };
    Form form = Form::integer;
    std::size_t offset = 0;
    std::size_t size = 8;
    bool space_padded = false;
};

Cell cell(const std::byte* row, const Member& member) {
    const std::byte* at = row + member.offset;
    switch (member.form) {
        case Member::Form::integer: {
            std::int64_t number = 0;
            std::memcpy(&number, at, sizeof number);
            return number;
        }
        case Member::Form::real: {
            double number = 0;
            std::memcpy(&number, at, sizeof number);
            return number;
        }
        case Member::Form::fixed_text: {
            std::string_view text(reinterpret_cast<const char*>(at), member.size);
            text = text.substr(0, text.find('\0'));
            while (member.space_padded && text.ends_with(' ')) text.remove_suffix(1);
            return text;
        }
        case Member::Form::variable_text: {
            const char* text = nullptr;
            std::memcpy(&text, at, sizeof text);
            return text ? std::string_view(text) : std::string_view();
        }
    }
    return std::monostate{};
}

class Hdf5Tables : public Tables {
  public:
    explicit Hdf5Tables(const std::filesystem::path& path) : path_(path), file_bytes_(std::filesystem::file_size(path)) {
        H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
        H5PLset_loading_state(0);
        const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
        H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
        // Nobody writes an export that is finished, and a read-only disk may not know locks.
        H5Pset_file_locking(access.get(), false, true);
        file_ = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
        if (!file_) throw_damaged(reason());
    }

    std::vector<std::string> names() const override {
        std::vector<std::string> names;
        const auto visit = [](hid_t, const char* name, const H5L_info_t* info, void* result) -> herr_t {
            if (info->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(result)->emplace_back(name);
            return 0;
        };
        if (H5Literate(file_.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &names) < 0) throw_damaged(reason());
        return names;
    }

    std::vector<Column> columns(const std::string& table) const override {
        std::vector<Column> columns;
        const Handle set = open(table);
        if (!set) return columns;
        const Handle type(H5Dget_type(set.get()), H5Tclose);
        const int members = type && H5Tget_class(type.get()) == H5T_COMPOUND ? H5Tget_nmembers(type.get()) : -1;
        if (members < 0) throw_damaged(table + " is no data set of compound rows");
        for (int i = 0; i < members; ++i) {
            char* name = H5Tget_member_name(type.get(), static_cast<unsigned>(i));
            if (!name) throw_damaged(table + ": " + reason());
            columns.push_back({name, false});
            H5free_memory(name);
        }
        return columns;
    }

    void read(const std::string& table, std::span<const std::string> columns,
              const std::function<void(std::span<const Cell>)>& row) const override {
        const Handle set = open(table);
        if (!set) throw_damaged("has no data set " + table);
        const hsize_t rows = rows_of(table, set.get());
        if (rows == 0) return;
        std::vector<Member> members;
        std::size_t row_bytes = 0;
        const Handle memory_type = make_memory_type(table, set.get(), columns, members, row_bytes);
        const hsize_t block_rows = std::min<hsize_t>(rows, std::max<hsize_t>(1, block_bytes / row_bytes));
        std::vector<std::byte> block(static_cast<std::size_t>(block_rows) * row_bytes);
        std::vector<Cell> cells(columns.size());
        const Handle file_space(H5Dget_space(set.get()), H5Sclose);
        for (hsize_t first = 0; first < rows; first += block_rows) {
            const hsize_t count = std::min<hsize_t>(block_rows, rows - first);
            const Handle memory_space(H5Screate_simple(1, &count, nullptr), H5Sclose);
            H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, &first, nullptr, &count, nullptr);
            std::fill(block.begin(), block.end(), std::byte{0});
            if (H5Dread(set.get(), memory_type.get(), memory_space.get(), file_space.get(), H5P_DEFAULT, block.data()) < 0) {
                const std::string why = reason();
                H5Dvlen_reclaim(memory_type.get(), memory_space.get(), H5P_DEFAULT, block.data());
                throw_damaged(table + ": " + why);
            }
            // Strings of varying length belong to the library, also when `row` throws.
            struct Reclaim {
                hid_t type, space;
                void* data;
                ~Reclaim() { H5Dvlen_reclaim(type, space, H5P_DEFAULT, data); }
            } const reclaim{memory_type.get(), memory_space.get(), block.data()};
            for (hsize_t i = 0; i < count; ++i) {
                const std::byte* at = block.data() + static_cast<std::size_t>(i) * row_bytes;
                for (std::size_t j = 0; j < members.size(); ++j) cells[j] = cell(at, members[j]);
                row(cells);
            }
        }
    }

  private:
    [[noreturn]] void throw_damaged(const std::string& what) const {
        throw base::Error(base::ErrorKind::failed, path_.string() + ": " + printable(what),
                          "export the report again: nsys export --type hdf REPORT");
    }

    /// Empty where there is no such data set in this very file.
    Handle open(const std::string& table) const {
        H5L_info_t info{};
        if (H5Lexists(file_.get(), table.c_str(), H5P_DEFAULT) <= 0) return {};
        if (H5Lget_info(file_.get(), table.c_str(), &info, H5P_DEFAULT) < 0) throw_damaged(table + ": " + reason());
        if (info.type != H5L_TYPE_HARD) throw_damaged(table + " is a link to another place");
        Handle set(H5Dopen2(file_.get(), table.c_str(), H5P_DEFAULT), H5Dclose);
        if (!set) throw_damaged(table + ": " + reason());
        const Handle creation(H5Dget_create_plist(set.get()), H5Pclose);
        if (!creation) throw_damaged(table + ": " + reason());
        if (H5Pget_layout(creation.get()) == H5D_VIRTUAL || H5Pget_external_count(creation.get()) > 0) {
            throw_damaged(table + " keeps its rows in another file");
        }
        return set;
    }

    hsize_t rows_of(const std::string& table, hid_t set) const {
        const Handle space(H5Dget_space(set), H5Sclose);
        if (!space || H5Sget_simple_extent_ndims(space.get()) != 1) throw_damaged(table + " is no list of rows");
        hsize_t rows = 0;
        H5Sget_simple_extent_dims(space.get(), &rows, nullptr);
        const Handle type(H5Dget_type(set), H5Tclose);
        const std::size_t row_bytes = H5Tget_size(type.get());
        if (row_bytes == 0 || row_bytes > largest_row) throw_damaged(table + " has rows of " + std::to_string(row_bytes) + " bytes");
        if (rows > file_bytes_ * largest_expansion / row_bytes) {
            throw_damaged(table + ": " + std::to_string(rows) + " rows are more than a file of " + std::to_string(file_bytes_) +
                          " bytes can hold");
        }
        return rows;
    }

    Handle make_memory_type(const std::string& table, hid_t set, std::span<const std::string> columns, std::vector<Member>& members,
                            std::size_t& row_bytes) const {
        const Handle file_type(H5Dget_type(set), H5Tclose);
        std::vector<Handle> types;
        for (const std::string& column : columns) {
            const int index = H5Tget_member_index(file_type.get(), column.c_str());
            if (index < 0) throw_damaged(table + " has no column " + column);
            Member member;
            member.offset = row_bytes;
            types.push_back(
                member_type(table, column, Handle(H5Tget_member_type(file_type.get(), static_cast<unsigned>(index)), H5Tclose), member));
            row_bytes += member.size;
            members.push_back(member);
        }
        Handle type(H5Tcreate(H5T_COMPOUND, std::max<std::size_t>(row_bytes, 1)), H5Tclose);
        for (std::size_t i = 0; i < columns.size(); ++i) {
            if (H5Tinsert(type.get(), columns[i].c_str(), members[i].offset, types[i].get()) < 0) throw_damaged(table + ": " + reason());
        }
        return type;
    }

    Handle member_type(const std::string& table, const std::string& column, Handle file_type, Member& member) const {
        if (H5Tget_class(file_type.get()) == H5T_ENUM) file_type = Handle(H5Tget_super(file_type.get()), H5Tclose);
        switch (H5Tget_class(file_type.get())) {
            case H5T_INTEGER: {
                const bool is_unsigned = H5Tget_sign(file_type.get()) == H5T_SGN_NONE;
                return Handle(H5Tcopy(is_unsigned ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64), H5Tclose);
            }
            case H5T_FLOAT:
                member.form = Member::Form::real;
                return Handle(H5Tcopy(H5T_NATIVE_DOUBLE), H5Tclose);
            case H5T_STRING: {
                const bool variable = H5Tis_variable_str(file_type.get()) > 0;
                member.form = variable ? Member::Form::variable_text : Member::Form::fixed_text;
                member.size = H5Tget_size(file_type.get());
                member.space_padded = H5Tget_strpad(file_type.get()) == H5T_STR_SPACEPAD;
                if (member.size > 0 && member.size <= largest_row) return file_type;
                break;
            }
            default:
                break;
        }
        throw_damaged(table + "." + column + " is neither number nor text");
    }

    std::filesystem::path path_;
    std::uint64_t file_bytes_;
    Handle file_;
};

}  // namespace

std::unique_ptr<Tables> open_hdf5_tables(const std::filesystem::path& path) {
    return std::make_unique<Hdf5Tables>(path);
}

}  // namespace plumb::families::compression
