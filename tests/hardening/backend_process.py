"""A process that runs one backend and answers questions through pipes."""

import json
import os
import subprocess
import sys

# Libraries print, too.
MARK = "@answer "


class BackendProcess:
    """Runs a module with `--worker` on one backend, until it is closed.

    Args:
        backend: Name of a Keras backend.
        module: Name of a module whose `--worker` calls `serve`.
        environment: Dict of further variables.
    """

    def __init__(self, backend, module, environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "--worker"],
            env={**os.environ, **environment, "KERAS_BACKEND": backend},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, name, *arguments):
        """What the function of this name returned there.

        Raises:
            RuntimeError: If the process ended, or the function raised.
        """
        self.process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith(MARK):
                answer = json.loads(line.removeprefix(MARK))
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                return answer["value"]
        raise RuntimeError(f"The process ended: exit {self.process.wait()}")

    def close(self):
        """Ends the process and waits for it."""
        self.process.stdin.close()
        self.process.wait()


def serve(functions):
    """Answers on standard output what is asked on standard input.

    Args:
        functions: Dict of functions that take and return what JSON holds.
    """
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"value": functions[name](*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(f"\n{MARK}{json.dumps(answer)}", flush=True)
