// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/learner.h"

#include <algorithm>

#include "base/error.h"

namespace plumb::families::cotrain {

std::vector<std::string> learner_names() {
    return {"logistic", "gaussian_nb", "multinomial_nb", "cnn", "resnet18", "resnet50"};
}

std::unique_ptr<Learner> make_learner(const LearnerOptions& options) {
    if (options.name == "gaussian_nb") return make_gaussian();
    if (options.name == "multinomial_nb") return make_multinomial(options.smoothing);
    if (is_network(options.name)) return make_network(options);
    return make_logistic(options.ridge);
}

bool is_network(const std::string& learner) {
    return learner == "cnn" || learner.starts_with("resnet");
}

Features prepared_for(const std::string& learner, Features features) {
    if (learner != "multinomial_nb") return as_dense(std::move(features));
    Features counts = as_sparse(std::move(features));
    const auto least = std::ranges::min_element(counts.sparse.value);
    if (least != counts.sparse.value.end() && *least < 0) {
        throw base::Error(base::ErrorKind::unsupported, "multinomial naive Bayes counts, and '" + counts.name + "' holds negative values",
                          "learner=gaussian_nb or logistic");
    }
    return counts;
}

}  // namespace plumb::families::cotrain
