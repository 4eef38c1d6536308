#!/usr/bin/env bash
# What a lent GPU is asked first: is everything right, then how fast it is.
# Run from the root, with what is installed there; results go to $OUT.
# Usage: bash benchmarks/on_gpu.sh [tests|compile|settings|torch|jax]...
set -u
export XLA_PYTHON_CLIENT_PREALLOCATE=false PYTHONUNBUFFERED=1
OUT=${OUT:-/tmp}
python=${PYTHON:-python3}
# Which settings are tried, see benchmarks/gpu_settings.py.
ONLY=${ONLY:-}

tests() {
	KERAS_BACKEND=torch timeout 150 $python -m pytest tests/kernels -m gpu \
		-n 5 --dist worksteal >"$OUT/tests-torch.txt" 2>&1 &
	local torch=$!
	KERAS_BACKEND=jax timeout 150 $python -m pytest tests/kernels -m gpu \
		-n 3 --dist worksteal >"$OUT/tests-jax.txt" 2>&1 &
	local jax=$!
	compile
	wait $torch $jax
	grep -hE "^(FAILED|ERROR)|passed|failed" "$OUT"/tests-*.txt | cut -c1-200
}

compile() {
	local nth running=()
	for nth in 0 1 2 3; do
		timeout 150 $python -m benchmarks.gpu_settings --compile $nth/4 \
			--only "$ONLY" &
		running+=($!)
	done
	wait "${running[@]}"
}

settings() {
	$python -m benchmarks.gpu_settings --seconds 45 --only "$ONLY" \
		--json "$OUT/gpu_settings.json"
}

torch() {
	$python -m benchmarks.gpu --backend torch --seconds 120 \
		--json "$OUT/gpu.json"
}

jax() {
	$python -m benchmarks.gpu --backend jax --seconds 90 --json "$OUT/gpu.json"
}

nvidia-smi -L
for step in "${@:-tests torch jax}"; do
	for each in $step; do
		echo "== $each at ${SECONDS} s"
		$each
	done
done
echo "== done at ${SECONDS} s"
