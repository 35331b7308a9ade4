// SPDX-License-Identifier: Apache-2.0
// Results on disk: plain folders are the truth, run.json is written last and seals a run with the digest of every other file.
// Any number of processes may write into one store. A run without a valid seal does not count.
//
//   <root>/<study>/study.json                  the study as run, with declarations of metrics and figures
//   <root>/<study>/<utc>-<hash8>/run.json      sealed record: to_json(Record) of record.h without checks, metrics and host, plus "files"
//   and "seal"
//                              config.toml host.json checks.json metrics.jsonl log.txt samples/*.f64 artifacts/
//   <root>/<study>/.work/<hash>/               a point being worked on; renamed to its final name when sealed; kept for resuming when
//   killed <root>/<study>/.locks/<hash>               flock: one process at a time works on a point <root>/index.sqlite cache of all of the
//   above, see index.h
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lab/record.h"

namespace plumb::lab {

/// Exclusive right to work on one point; released when destroyed or when the process dies.
class PointLock {
  public:
    ~PointLock();
    PointLock(PointLock&& other) noexcept;
    PointLock& operator=(PointLock&&) = delete;

  private:
    friend class Store;
    PointLock(int descriptor, std::filesystem::path file) : descriptor_(descriptor), file_(std::move(file)) {}
    int descriptor_;
    std::filesystem::path file_;
};

class Store {
  public:
    /// Creates the root on first write only. Default root: PLUMB_RUNS, else ./runs.
    explicit Store(std::filesystem::path root);
    static std::filesystem::path default_root();
    const std::filesystem::path& root() const { return root_; }

    std::vector<std::string> studies() const;
    /// Throws missing with the studies that are there.
    nlohmann::json study_declaration(const std::string& study) const;
    bool has_study(const std::string& study) const;
    void write_study_declaration(const std::string& study, const nlohmann::json& declaration) const;

    /// nullopt when another process holds it.
    std::optional<PointLock> try_lock(const std::string& study, const std::string& hash) const;

    /// The folder a point is worked on in: created, or found with what a killed process left (artifacts/ and metrics.jsonl survive, the
    /// rest is cleared).
    std::filesystem::path open_work(const std::string& study, const Point& point) const;
    /// Writes all files of the record into the work folder, seals it and renames it to its final name. Returns the record with run, bytes
    /// filled in. An interrupted record leaves artifacts/ and the steps of metrics.jsonl behind in the work folder, so that the point can
    /// go on from there.
    Record seal(const std::filesystem::path& work, Record record, const std::string& config_toml) const;

    /// Every sealed run of a study in order of time; damaged or torn ones are left out and named in `damaged` if given.
    std::vector<Record> records(const std::string& study, std::vector<std::string>* damaged = nullptr) const;
    /// The run that counts for each point hash: the latest that was not interrupted, else the latest. Key: point hash. `damaged` as above.
    std::map<std::string, Record> latest(const std::string& study, std::vector<std::string>* damaged = nullptr) const;
    /// The run that counts for one point, read from its folders alone: what another process sealed a moment ago is seen.
    std::optional<Record> latest_of(const std::string& study, const std::string& hash) const;
    /// One run by folder name, unique prefix of it, or point hash prefix, in any study. Throws missing or usage (ambiguous) with
    /// candidates.
    Record find(const std::string& run) const;

    std::filesystem::path run_folder(const Record& record) const;
    /// Raw samples of one action in order of time (block i = element i). Empty when there are none.
    std::vector<double> read_samples(const Record& record, const std::string& action) const;

  private:
    std::filesystem::path study_folder(const std::string& study) const;
    std::filesystem::path root_;
};

/// Reads and checks one sealed run. nullopt with the reason in `problem` when the seal is missing or does not fit the files.
std::optional<Record> read_run(const std::filesystem::path& folder, std::string* problem);

}  // namespace plumb::lab
