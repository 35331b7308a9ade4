// SPDX-License-Identifier: Apache-2.0
#include "families/language/declarations.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "families/language/kneser_ney.h"
#include "families/language/models.h"
#include "families/language/neural_request.h"
#include "families/language/scores.h"
#include "lab/declare.h"

namespace plumb::families::language {

using namespace lab::declare;

const lab::Schema& schema() {
    using lab::declare::count;  // the family has a count() of its own
    static const lab::Schema made = [] {
        std::vector<std::string> names;
        std::string help = "the model";
        for (const Model& model : models()) {
            names.push_back(model.name);
            help += (names.size() == 1 ? ": " : "; ") + model.name + ": " + model.help;
        }
        const std::string source = "a file of a data set, or the path of a text (plain or Zstandard) or of an npz of ids";
        std::vector<lab::Parameter> parameters = {
            choice("model", help, "ngram", names),
            text("train", "what is learnt from: " + source, "wikitext-2/train.ids"),
            text("validation", "what is scored: " + source, "wikitext-2/validation.ids"),
            text("test", "what is scored too; empty: nothing", "wikitext-2/test.ids"),
            choice("tokenizer", "how texts become ids", "gpt1", {"gpt1"}),
            choice("break", "how ids are cut: one stream, a line at a time, or as many whole lines as fit", "stream",
                   {"stream", "lines", "complete"}),
            count("length", "predictions of a sequence at most", 256, 1, 1 << 20),
            flag("off_by_one", "cut as the notebook does: the last sequence begins one id late, one prediction a split is lost", false),
            count("batch", "sequences of a batch: what the perplexity as printed divides by", 16, 1, 1 << 20),
            count("order", "ngram: ids of the longest n-gram", 5, 1, highest_order),
            count("threads", "threads that train and score", 1, 1, 1024),
            text("ids", "folder to which the ids are written as wiki.train.npz, wiki.validation.npz, wiki.test.npz; empty: none"),
        };
        std::ranges::move(neural_parameters(), std::back_inserter(parameters));
        return lab::Schema(std::move(parameters));
    }();
    return made;
}

const std::vector<lab::Metric>& metrics() {
    using Better = lab::Metric::Better;
    static const std::vector<lab::Metric> made = [] {
        std::vector<lab::Metric> all = score_metrics("validation");
        std::ranges::move(score_metrics("test"), std::back_inserter(all));
        std::vector<lab::Metric> others = {
            {"train_ids", "ids of train", "", Better::neither, false},
            {"train_lines", "lines of train that are not blank", "", Better::neither, false},
            {"train_distinct", "different ids of train", "", Better::neither, false},
            {"tokenizer_time", "median time of tokenizing the text of train on one core, every word new at the start", "s", Better::lower,
             false},
            {"tokenizer_throughput", "bytes of that text by tokenizer_time; of ids the decoded text is tokenized", "B/s", Better::higher,
             true},
            {"count_time", "ngram: median time of counting train", "s", Better::lower, true},
            {"score_time", "median time of scoring validation", "s", Better::lower, false},
            {"score_throughput", "ids of validation by score_time", "ids/s", Better::higher, false},
            {"ngrams", "ngram: different n-grams of the highest order", "", Better::neither, false},
            {"discount", "ngram: what the highest order takes off each count", "", Better::neither, false},
            {"model_bytes", "memory that the model holds", "B", Better::lower, false},
            {"validation_floor", "neural: validation perplexity of counting five-grams on the same ids", "", Better::neither, true},
            {"validation_unigram_floor", "neural: of counting single ids", "", Better::neither, false},
            {"test_floor", "neural: test perplexity of counting five-grams on the same ids", "", Better::neither, false},
            {"test_unigram_floor", "neural: of counting single ids", "", Better::neither, false},
            {"parameters", "neural: numbers of the model", "", Better::neither, false},
            {"learnable", "neural: those that are trained", "", Better::neither, false},
            {"steps", "neural: steps of training", "", Better::neither, false},
            {"best_step", "neural: steps behind which validation was best: the model that all scores are of", "", Better::neither, false},
            {"best_epoch", "neural: the same in epochs", "", Better::neither, true},
            {"train_perplexity", "neural: of train over the steps before the evaluation whose validation was best", "", Better::lower,
             false},
            {"overfitting",
             "neural: nats an id of validation less those of train over the steps before, at the last evaluation: what was learnt by heart",
             "", Better::lower, false},
            {"train_time", "neural: all steps", "s", Better::lower, true},
            {"evaluation_time", "neural: all evaluations", "s", Better::lower, false},
            {"train_throughput", "neural: predicted ids of all steps by train_time", "ids/s", Better::higher, true},
            {"peak_share",
             "neural: median over the steps of what the products of a step, as the model defines them, make by its time of the fp32 peak "
             "probed before training and at each evaluation",
             "share", Better::higher, true},
            {"train_memory", "neural: most memory that training and evaluations held beyond corpora, model and moments", "B", Better::lower,
             false},
        };
        std::ranges::move(others, std::back_inserter(all));
        return all;
    }();
    return made;
}

}  // namespace plumb::families::language
