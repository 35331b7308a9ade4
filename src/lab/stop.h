// SPDX-License-Identifier: Apache-2.0
// The user's wish to stop. First request: finish the current sample, mark the point interrupted. The second ends the process at once.
#pragma once

namespace plumb::lab {

void request_stop();  ///< safe in a signal handler
int stop_requests();
void reset_stop_requests();
/// SIGINT and SIGTERM call request_stop(); the second one ends the process with exit code 130.
void install_stop_signals();

}  // namespace plumb::lab
