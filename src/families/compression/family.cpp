// SPDX-License-Identifier: Apache-2.0
#include "families/compression/family.h"

#include "families/compression/declarations.h"
#include "families/compression/trial.h"

namespace plumb::families::compression {

namespace {

class CompressionFamily final : public lab::Family {
  public:
    std::string name() const override { return "compression"; }
    std::string summary() const override {
        return "Data cut into chunks and compressed chunk by chunk: ratio, throughput of both directions, utilisation, memory";
    }
    int version() const override { return 1; }
    const lab::Schema& schema() const override { return compression::schema(); }
    const std::vector<lab::Metric>& metrics() const override { return compression::metrics(); }
    const std::vector<lab::Figure>& figures() const override { return compression::figures(); }
    lab::Settings resolve(lab::Settings settings) const override { return compression::resolve(std::move(settings)); }
    std::map<std::string, std::string> inputs(const lab::Settings& settings) const override {
        return digest_content(std::get<std::string>(*lab::find(settings, "file")));
    }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        auto trial = std::make_unique<CompressionTrial>(read_request(point.settings));
        if (const std::string note = trial->note(); !note.empty()) context.log(note);
        return trial;
    }
};

}  // namespace

std::shared_ptr<const lab::Family> make_family() {
    return std::make_shared<CompressionFamily>();
}

}  // namespace plumb::families::compression
