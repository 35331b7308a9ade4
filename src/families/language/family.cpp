// SPDX-License-Identifier: Apache-2.0
#include "families/language/family.h"

#include "base/error.h"
#include "families/language/declarations.h"
#include "families/language/models.h"
#include "families/language/request.h"

namespace plumb::families::language {

namespace {

class LanguageFamily final : public lab::Family {
  public:
    std::string name() const override { return "language"; }
    std::string summary() const override {
        return "Language models on GPT-1 ids: perplexity as printed and as it should be, per word and per byte";
    }
    int version() const override { return 1; }
    const lab::Schema& schema() const override { return language::schema(); }
    const std::vector<lab::Metric>& metrics() const override { return language::metrics(); }
    const std::vector<lab::Figure>& figures() const override { return language::figures(); }
    std::map<std::string, std::string> inputs(const lab::Settings& settings) const override { return digest_inputs(settings); }
    std::unique_ptr<lab::Trial> prepare(const lab::Point& point, const lab::Context& context) const override {
        if (inputs(point.settings) != point.inputs)
            throw base::Error(base::ErrorKind::failed, "an input file has changed since the point was planned",
                              "run the same command again");
        Request request = read_request(point.settings, context.seed);
        const Model& model = model_named(request.model);
        return model.make(std::move(request), context);
    }
};

}  // namespace

std::shared_ptr<const lab::Family> make_family() {
    return std::make_shared<LanguageFamily>();
}

}  // namespace plumb::families::language
