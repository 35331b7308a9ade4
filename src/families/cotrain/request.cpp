// SPDX-License-Identifier: Apache-2.0
#include "families/cotrain/request.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "families/cotrain/declarations.h"
#include "families/cotrain/image_list.h"
#include "families/cotrain/image_views.h"
#include "families/cotrain/near_copies.h"
#include "lab/setting.h"

namespace plumb::families::cotrain {

namespace {

const std::string& word(const lab::Settings& settings, std::string_view name) {
    return lab::setting<std::string>(settings, name);
}

std::int64_t whole(const lab::Settings& settings, std::string_view name) {
    return lab::setting<std::int64_t>(settings, name);
}

[[noreturn]] void unsupported(const std::string& message, const std::string& hint) {
    throw base::Error(base::ErrorKind::unsupported, message, hint);
}

/// "5" for every class, or a number for each: "9:3".
std::vector<std::int64_t> counts_by_class(const std::string& name, const std::string& text, const std::vector<std::string>& classes) {
    std::vector<std::int64_t> counts;
    for (const std::string& part : base::split(text, ':')) {
        const std::string_view digits = base::trim(part);
        std::int64_t count = -1;
        const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
        if (problem != std::errc() || end != digits.data() + digits.size() || count < 0)
            throw base::Error(base::ErrorKind::usage, name + "=" + text + ": '" + part + "' is no count",
                              "one number for all classes, or one for each, as 9:3");
        counts.push_back(count);
    }
    if (counts.size() == 1) counts.assign(classes.size(), counts.front());
    if (counts.size() != classes.size()) {
        throw base::Error(
            base::ErrorKind::usage,
            name + "=" + text + " names " + std::to_string(counts.size()) + " classes, the data has " + std::to_string(classes.size()),
            "in this order: " + base::join(classes, ":"));
    }
    return counts;
}

std::vector<std::string> read_groups(const std::string& file) {
    std::vector<std::string> groups;
    if (file.empty()) return groups;
    groups = base::split(base::read_unpacked(file), '\n');
    if (!groups.empty() && groups.back().empty()) groups.pop_back();
    return groups;
}

Features scaled(const std::string& scale, const std::string& learner, Features features) {
    if (scale == "presence") features = as_presence(std::move(features));
    return prepared_for(learner, std::move(features));
}

template <class Enum>
Enum choice(const lab::Settings& settings, std::string_view name, const std::vector<std::string>& words) {
    return static_cast<Enum>(std::ranges::find(words, word(settings, name)) - words.begin());
}

std::int64_t threads_of(const lab::Settings& settings) {
    const std::int64_t threads = whole(settings, "threads");
    return threads > 0 ? threads : std::max<std::int64_t>(1, std::thread::hardware_concurrency());
}

constexpr std::int64_t image_components = 40;
constexpr std::string_view near_groups_word = "near";

bool reads_images(const lab::Settings& settings) {
    return !word(settings, "pairs").empty() || names_images(word(settings, "view0")) || names_images(word(settings, "view1"));
}

/// Groups by rising number, as words.
std::vector<std::string> groups_by_looks(const LabelledView& first, const LabelledView& second) {
    if (first.hashes.empty()) unsupported("groups=near needs images: features do not tell what looks alike", "groups=FILE");
    std::vector<std::string> groups;
    for (const std::int32_t group : near_groups(first.hashes, second.hashes)) groups.push_back(std::to_string(group));
    return groups;
}

TwoViews load_data(const lab::Settings& settings, std::int64_t threads) {
    ImageViews loaded;
    if (reads_images(settings)) {
        const bool network = is_network(word(settings, "learner"));
        loaded = load_image_views({word(settings, "view0"), word(settings, "view1"), word(settings, "pairs"), word(settings, "halves"),
                                   word(settings, "broken") == "skip", threads, network ? whole(settings, "crop") : 0,
                                   whole(settings, "resize")});
    } else {
        if (word(settings, "halves") != "none") unsupported("halves=" + word(settings, "halves") + " of what is no image", "halves=none");
        loaded.view[0] = load_view(word(settings, "view0"));
        loaded.view[1] = load_view(word(settings, "view1"));
    }
    for (LabelledView& view : loaded.view) rename_labels(view, word(settings, "class_map"));
    const std::string& groups = word(settings, "groups");
    const std::vector<std::string> named =
        groups == near_groups_word ? groups_by_looks(loaded.view[0], loaded.view[1]) : read_groups(groups);
    TwoViews data = join_views(std::move(loaded.view[0]), std::move(loaded.view[1]), word(settings, "classes"), named);
    data.left_out = std::move(loaded.left_out);
    return data;
}

/// Networks look at the images themselves.
NetworkOptions network_options(const lab::Settings& settings) {
    const std::string& learner = word(settings, "learner");
    if (!reads_images(settings)) unsupported("learner=" + learner + " needs images", "learner=logistic, or view0 and view1 of images");
    if (whole(settings, "components") > 0 || word(settings, "scale") != "none")
        unsupported("learner=" + learner + " sees pixels: no components, no scale", "components=0 scale=none");
    const std::int64_t resize = whole(settings, "resize"), crop = whole(settings, "crop");
    if (resize > 0 && resize < crop)
        unsupported("resize=" + std::to_string(resize) + " is smaller than crop=" + std::to_string(crop), "resize=0, or at least crop");
    return {whole(settings, "epochs"),   whole(settings, "batch"),      lab::setting<double>(settings, "rate"),
            word(settings, "optimizer"), word(settings, "precision"),   word(settings, "normalise") == "imagenet",
            word(settings, "weights"),   whole(settings, "fit_threads")};
}

/// The notebook's split names its own sizes.
void require_defaults(const lab::Settings& settings, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        if (*lab::find(settings, name) != schema().at(name).default_value)
            unsupported("split=seed fixes the sizes of all sets, and " + name + " is set",
                        "leave " + base::join(names, ", ") + " at their defaults, or split=stratified");
    }
}

void require_sense(const Options& options) {
    const bool validates = options.split.rule == SplitRule::seed || options.split.validation > 0;
    const bool counts_votes = options.exchange == Exchange::weighted || options.joint == Joint::weighted;
    if (counts_votes && !validates) unsupported("votes weighted by validated accuracy need samples that validate", "validation=5");
    if (options.selection == Selection::threshold && options.floor <= 0)
        unsupported("selection=threshold without a threshold takes the whole pool at once", "floor=0.95");
    if (options.training == Training::warm && options.learner.name != "logistic" && !is_network(options.learner.name))
        unsupported("naive Bayes has a closed form: there is nothing to start from", "training=scratch, or learner=logistic");
    if (!options.notebook) return;
    const bool as_notebook = options.selection == Selection::topk && options.exchange == Exchange::swap &&
                             options.training != Training::rechoose && options.floor == 0;
    if (!as_notebook) unsupported("rule=notebook has one form only", "selection=topk exchange=swap training=scratch floor=0");
}

}  // namespace

lab::Settings resolve(lab::Settings settings) {
    const bool has_pairs = !word(settings, "pairs").empty();
    const bool images = reads_images(settings);
    for (lab::Setting& each : settings) {
        if (has_pairs && (each.name == "view0" || each.name == "view1")) each.value = std::string();
        if (each.name == "components" && each.value == lab::Value(std::int64_t{-1}))
            each.value = images && !is_network(word(settings, "learner")) ? image_components : std::int64_t{0};
        if (each.name == "scale" && each.value == lab::Value("auto"))
            each.value = std::string(word(settings, "learner") != "logistic" ? "none" : images ? "even" : "standard");
    }
    return settings;
}

std::map<std::string, std::string> digest_files(const lab::Settings& settings) {
    std::map<std::string, std::string> digests;
    const std::string& pairs = word(settings, "pairs");
    if (!pairs.empty()) digests = digest_pairs(pairs);
    for (const char* name : {"view0", "view1"}) {
        const std::string& file = word(settings, name);
        if (pairs.empty()) digests.merge(names_images(file) ? digest_images(file) : digest_view(file));
    }
    const std::string& weights = word(settings, "weights");
    if (!weights.empty()) digests[weights] = base::known_file_xxh3_hex(weights);
    const std::string& groups = word(settings, "groups");
    if (!groups.empty() && groups != near_groups_word) digests[groups] = base::known_file_xxh3_hex(groups);
    return digests;
}

Request read_request(const lab::Settings& settings) {
    Request request;
    Options& options = request.options;
    options.learner = {word(settings, "learner"), lab::setting<double>(settings, "ridge"), lab::setting<double>(settings, "smoothing")};
    options.standardise = word(settings, "scale") == "standard";
    options.even = word(settings, "scale") == "even";
    if ((options.standardise || options.even) && options.learner.name == "multinomial_nb")
        unsupported("multinomial naive Bayes counts, and standardised features are no counts", "scale=none or presence");
    options.components = whole(settings, "components");
    if (options.components > 0 && options.learner.name == "multinomial_nb")
        unsupported("multinomial naive Bayes counts, and principal components are no counts",
                    "components=0, or learner=gaussian_nb or logistic");
    if (is_network(options.learner.name)) options.learner.network = network_options(settings);
    request.threads = threads_of(settings);
    auto data = std::make_shared<TwoViews>(load_data(settings, request.threads));
    for (Features& view : data->view) view = scaled(word(settings, "scale"), options.learner.name, std::move(view));

    options.split.rule = word(settings, "split") == "seed" ? SplitRule::seed : SplitRule::stratified;
    if (options.split.rule == SplitRule::seed) require_defaults(settings, {"labels", "validation", "test", "groups"});
    options.split.labels = counts_by_class("labels", word(settings, "labels"), data->classes);
    for (std::size_t label = 0; label < options.split.labels.size(); ++label) {
        if (options.split.labels[label] == 0)
            unsupported("class " + data->classes[label] + " has no label: no learner can ever give it", "labels: at least 1 a class");
    }
    options.split.validation = whole(settings, "validation");
    options.split.test = lab::setting<double>(settings, "test");
    options.selection = selection_named(word(settings, "selection"));
    options.exchange = choice<Exchange>(settings, "exchange", exchange_names());
    options.training = choice<Training>(settings, "training", training_names());
    options.joint = choice<Joint>(settings, "joint", joint_names());
    options.notebook = word(settings, "rule") == "notebook";
    options.take = lab::setting<double>(settings, "take");
    options.picks = counts_by_class("picks", word(settings, "picks"), data->classes);
    options.pool = whole(settings, "pool");
    options.floor = lab::setting<double>(settings, "floor");
    options.rounds = whole(settings, "rounds");
    options.pseudo_weight = lab::setting<double>(settings, "pseudo_weight");
    options.calibrate = lab::setting<bool>(settings, "calibrate");
    options.gate = lab::setting<double>(settings, "gate");
    options.patience = whole(settings, "patience");
    options.restore = lab::setting<bool>(settings, "restore");
    options.guard = lab::setting<bool>(settings, "guard");
    require_sense(options);
    request.data = std::move(data);
    request.splits = whole(settings, "splits");
    return request;
}

}  // namespace plumb::families::cotrain
