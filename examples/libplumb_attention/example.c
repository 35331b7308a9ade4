/* SPDX-License-Identifier: Apache-2.0
 * Causal attention of two heads by libplumb_attention, held against a plain loop. Prints both; exit code 1 where they differ. */
#include <math.h>
#include <plumb/attention.h>
#include <stdio.h>

enum { heads = 2, length = 5, dim = 8 };

static float q[heads][length][dim], k[heads][length][dim], v[heads][length][dim], out[heads][length][dim], lse[heads][length];

static double plain(int h, int n, int e) {
    double sum = 0, weighted = 0;
    for (int m = 0; m <= n; ++m) {
        double score = 0;
        for (int d = 0; d < dim; ++d) score += (double)q[h][n][d] * (double)k[h][m][d];
        const double weight = exp(score / sqrt((double)dim));
        sum += weight;
        weighted += weight * (double)v[h][m][e];
    }
    return weighted / sum;
}

int main(void) {
    for (int i = 0; i < heads * length * dim; ++i) {
        (&q[0][0][0])[i] = (float)sin(0.7 * i);
        (&k[0][0][0])[i] = (float)cos(0.3 * i);
        (&v[0][0][0])[i] = (float)sin(0.1 * i + 1);
    }
    const plumb_attention_strides strides = plumb_attention_strides_bhnd(heads, length, dim);
    plumb_attention_problem problem = plumb_attention_problem_default();
    problem.heads = heads;
    problem.queries = length;
    problem.keys = length;
    problem.head_dim = dim;
    problem.value_dim = dim;
    problem.q = q;
    problem.k = k;
    problem.v = v;
    problem.q_strides = problem.k_strides = problem.v_strides = strides;
    problem.mask = PLUMB_ATTENTION_MASK_CAUSAL;

    plumb_attention_evidence evidence[4];
    plumb_attention_report report = plumb_attention_report_default(evidence, 4);
    const plumb_attention_status status =
        plumb_attention_forward(&problem, PLUMB_ATTENTION_PROTECT_NONE, out, &strides, &lse[0][0], &report);
    if (status != PLUMB_ATTENTION_OK) {
        fprintf(stderr, "%s: %s\n", plumb_attention_status_name(status), plumb_attention_last_error());
        return 1;
    }

    double difference = 0;
    for (int h = 0; h < heads; ++h)
        for (int n = 0; n < length; ++n)
            for (int e = 0; e < dim; ++e) difference = fmax(difference, fabs((double)out[h][n][e] - plain(h, n, e)));
    printf("libplumb_attention %s on %s\n", plumb_attention_version(), plumb_attention_instruction_set());
    printf("out[1][4][0] %.6f, plain %.6f, lse %.6f\n", (double)out[1][4][0], plain(1, 4, 0), (double)lse[1][4]);
    printf("largest difference %.1e\n", difference);
    printf("%lld checks, %lld alarms\n", (long long)report.row_checks, (long long)report.alarms);
    return difference < 1e-6 ? 0 : 1;
}
