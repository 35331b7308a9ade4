// SPDX-License-Identifier: Apache-2.0
#include "lab/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "lab/index.h"
#include "lab/seal.h"

namespace plumb::lab {

namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) {
    return path.filename().string().starts_with(".");
}

std::int64_t modification_stamp(const fs::path& file) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) != 0) return 0;
    return std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec;
}

/// Folder names of a study's runs, in order of time.
std::set<std::string> run_names(const fs::path& study_folder) {
    std::set<std::string> names;
    if (!fs::is_directory(study_folder)) return names;
    for (const auto& entry : fs::directory_iterator(study_folder)) {
        if (entry.is_directory() && !is_hidden(entry.path())) names.insert(entry.path().filename().string());
    }
    return names;
}

/// The later one counts, also when it failed where the earlier one was done; but an interrupted run says nothing.
const Record& better(const Record& earlier, const Record& later) {
    return earlier.status != Status::interrupted && later.status == Status::interrupted ? earlier : later;
}

void require_plain_name(const std::string& study) {
    if (study.empty() || study.find('/') != std::string::npos || study.starts_with(".")) {
        throw base::Error(base::ErrorKind::usage, "'" + study + "' cannot name a study", "use letters, digits, '-' and '_'");
    }
}

}  // namespace

PointLock::PointLock(PointLock&& other) noexcept : descriptor_(other.descriptor_), file_(std::move(other.file_)) {
    other.descriptor_ = -1;
}

PointLock::~PointLock() {
    if (descriptor_ < 0) return;
    // Removed while still held: a waiting process then finds that the name means another file, and tries again.
    ::unlink(file_.c_str());
    ::close(descriptor_);
}

Store::Store(fs::path root) : root_(std::move(root)) {}

fs::path Store::default_root() {
    const char* given = std::getenv("PLUMB_RUNS");
    return given && *given ? fs::path(given) : fs::path("runs");
}

fs::path Store::study_folder(const std::string& study) const {
    require_plain_name(study);
    return root_ / study;
}

std::vector<std::string> Store::studies() const {
    std::set<std::string> names;
    if (fs::is_directory(root_)) {
        for (const auto& entry : fs::directory_iterator(root_)) {
            if (entry.is_directory() && !is_hidden(entry.path()) && fs::exists(entry.path() / "study.json")) {
                names.insert(entry.path().filename().string());
            }
        }
    }
    return {names.begin(), names.end()};
}

bool Store::has_study(const std::string& study) const {
    return fs::exists(study_folder(study) / "study.json");
}

nlohmann::json Store::study_declaration(const std::string& study) const {
    if (!has_study(study)) {
        const std::vector<std::string> known = studies();
        throw base::Error(base::ErrorKind::missing, "no results of a study '" + study + "' in " + root_.string(),
                          known.empty() ? "run it first: plumb run " + study : base::suggest(study, known));
    }
    auto declaration = nlohmann::json::parse(base::read_file(study_folder(study) / "study.json"), nullptr, false);
    if (declaration.is_discarded()) {
        throw base::Error(base::ErrorKind::failed, (study_folder(study) / "study.json").string() + " is damaged",
                          "run the study again: it is written anew, no run is lost");
    }
    return declaration;
}

void Store::write_study_declaration(const std::string& study, const nlohmann::json& declaration) const {
    fs::create_directories(study_folder(study));
    base::replace_file(study_folder(study) / "study.json", declaration.dump(1) + "\n");
}

std::optional<PointLock> Store::try_lock(const std::string& study, const std::string& hash) const {
    const fs::path file = study_folder(study) / ".locks" / hash;
    fs::create_directories(file.parent_path());
    for (;;) {
        const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0) {
            throw base::Error(base::ErrorKind::failed, "cannot create " + file.string() + ": " + std::strerror(errno),
                              "the store must be writable; choose another with PLUMB_RUNS");
        }
        if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
            ::close(descriptor);
            return std::nullopt;
        }
        struct stat held {
        }, named{};
        if (::fstat(descriptor, &held) == 0 && ::stat(file.c_str(), &named) == 0 && held.st_ino == named.st_ino) {
            return PointLock(descriptor, file);
        }
        ::close(descriptor);  // the former holder removed the file between our open and our lock
    }
}

namespace {

/// Where an interrupted point's checkpoints wait while its row is sealed.
fs::path aside(const fs::path& work) {
    return work.string() + ".aside";
}

void set_aside(const fs::path& work) {
    fs::create_directories(aside(work));
    if (fs::exists(work / "metrics.jsonl"))
        fs::copy_file(work / "metrics.jsonl", aside(work) / "metrics.jsonl", fs::copy_options::overwrite_existing);
    fs::rename(work / "artifacts", aside(work) / "artifacts");
    fs::create_directories(work / "artifacts");
}

/// Puts back what set_aside() moved, wherever a kill came between.
void bring_back(const fs::path& work) {
    if (!fs::exists(aside(work))) return;
    if (fs::exists(work)) {
        if (fs::exists(aside(work) / "artifacts")) {
            fs::remove_all(work / "artifacts");
            fs::rename(aside(work) / "artifacts", work / "artifacts");
        }
        fs::remove_all(aside(work));
    } else {
        fs::rename(aside(work), work);
    }
}

}  // namespace

fs::path Store::open_work(const std::string& study, const Point& point) const {
    const fs::path work = study_folder(study) / ".work" / point.hash();
    bring_back(work);
    fs::create_directories(work / "artifacts");
    for (const auto& entry : fs::directory_iterator(work)) {
        const std::string file = entry.path().filename().string();
        if (file != "artifacts" && file != "metrics.jsonl") fs::remove_all(entry.path());
    }
    return work;
}

Record Store::seal(const fs::path& work, Record record, const std::string& config_toml) const {
    const fs::path folder = study_folder(record.study);
    const std::string wanted = base::utc_timestamp() + "-" + record.point.short_hash();
    record.run = wanted;
    for (int twin = 2; fs::exists(folder / record.run); ++twin) record.run = wanted + "-" + std::to_string(twin);
    const bool resumable = record.status == Status::interrupted;
    if (resumable) set_aside(work);
    write_run_files(work, record, config_toml);
    record.bytes = write_seal(work, record);
    fs::rename(work, folder / record.run);
    if (resumable) bring_back(work);
    return record;
}

std::optional<Record> read_run(const fs::path& folder, std::string* problem) {
    try {
        return read_sealed(folder);
    } catch (const std::exception& error) {
        if (problem) *problem = error.what();
        return std::nullopt;
    }
}

std::vector<Record> Store::records(const std::string& study, std::vector<std::string>* damaged) const {
    const fs::path folder = study_folder(study);
    std::set<std::string> present = run_names(folder);
    const std::unique_ptr<Index> index = fs::is_directory(root_) ? Index::open(root_ / "index.sqlite") : nullptr;

    std::map<std::string, IndexEntry> known;
    std::vector<std::string> gone;
    if (index) {
        for (IndexEntry& entry : index->entries(study)) {
            const bool current = present.contains(entry.run) && modification_stamp(folder / entry.run / "run.json") == entry.stamp;
            if (current)
                known.emplace(entry.run, std::move(entry));
            else
                gone.push_back(entry.run);
        }
        index->remove(study, gone);
    }
    std::vector<IndexEntry> fresh;
    for (const std::string& run : present) {
        if (known.contains(run)) continue;
        IndexEntry entry{run, modification_stamp(folder / run / "run.json"), std::nullopt, {}};
        entry.record = read_run(folder / run, &entry.problem);
        fresh.push_back(entry);
        known.emplace(run, std::move(entry));
    }
    if (index) index->put(study, fresh);

    std::vector<Record> records;
    for (auto& [run, entry] : known) {
        if (entry.record)
            records.push_back(std::move(*entry.record));
        else if (damaged)
            damaged->push_back(entry.problem);
    }
    return records;
}

std::map<std::string, Record> Store::latest(const std::string& study, std::vector<std::string>* damaged) const {
    std::map<std::string, Record> latest;
    for (Record& record : records(study, damaged)) {
        const std::string hash = record.point.hash();
        const auto [place, inserted] = latest.try_emplace(hash, record);
        if (!inserted && &better(place->second, record) == &record) place->second = std::move(record);
    }
    return latest;
}

std::optional<Record> Store::latest_of(const std::string& study, const std::string& hash) const {
    std::optional<Record> latest;
    for (const std::string& run : run_names(study_folder(study))) {
        if (run.find("-" + hash.substr(0, 8)) == std::string::npos) continue;
        const std::optional<Record> record = read_run(study_folder(study) / run, nullptr);
        if (!record || record->point.hash() != hash) continue;
        if (!latest || &better(*latest, *record) == &*record) latest = record;
    }
    return latest;
}

Record Store::find(const std::string& run) const {
    std::vector<Record> matches;
    for (const std::string& study : studies()) {
        for (Record& record : records(study)) {
            if (record.run == run) return record;
            if (!run.empty() && (record.run.starts_with(run) || record.point.hash().starts_with(run))) matches.push_back(std::move(record));
        }
    }
    if (matches.empty()) {
        throw base::Error(base::ErrorKind::missing, "no run '" + run + "' in " + root_.string(),
                          "list the runs of a study: plumb show STUDY");
    }
    const bool one_point = std::all_of(matches.begin(), matches.end(),
                                       [&](const Record& record) { return record.point.hash() == matches.front().point.hash(); });
    if (one_point) {
        const Record* best = &matches.front();
        for (const Record& record : matches) best = &better(*best, record);
        return *best;
    }
    std::vector<std::string> names;
    for (const Record& record : matches) names.push_back(record.run);
    names.resize(std::min<std::size_t>(names.size(), 5));
    throw base::Error(base::ErrorKind::usage, "'" + run + "' fits " + std::to_string(matches.size()) + " runs",
                      "say more of: " + base::join(names, ", "));
}

fs::path Store::run_folder(const Record& record) const {
    return study_folder(record.study) / record.run;
}

std::vector<double> Store::read_samples(const Record& record, const std::string& action) const {
    const fs::path file = run_folder(record) / "samples" / (action + ".f64");
    if (!fs::exists(file)) return {};
    const std::string bytes = base::read_file(file);
    std::vector<double> samples(bytes.size() / sizeof(double));
    if (!samples.empty()) std::memcpy(samples.data(), bytes.data(), samples.size() * sizeof(double));
    return samples;
}

}  // namespace plumb::lab
