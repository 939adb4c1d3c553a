# SPDX-License-Identifier: Apache-2.0
# Plain verbs. `fix` writes, `check` only reads. `serve` and `test` do their own set-up with nothing but Python and make.

# The first Python >= 3.11 on the path; `make PYTHON=/path/to/python ...` chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Peers: which real clients and servers the tests need. `make test PEERS=all` fails where one is missing.
PEERS ?=
ARGS ?=
# Test files run side by side in so many processes: half of the time real servers and clients wait for each other.
JOBS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install serve cluster test check fix build bench bench-raft bench-cluster bench-check bench-sim bench-models soak-raft soak-leases soak-models test-faults proto docs \
	peers bitflip mutants sim sim-search sim-hashes sim-models sim-kinds test-watch kill-rounds lock clean

help: ## say what each verb does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

install: $(INSTALLED) ## make .venv with tricord and all that its tests need, from the lock file

$(INSTALLED): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "tricord needs Python 3.11 or newer, with venv, on the path" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation --editable .
	@touch $@

serve: install ## run a member: 127.0.0.1:2379, ./tricord-data (ARGS="--listen ..." adds flags)
	@exec $(BIN)/tricord serve $(ARGS)

cluster: install ## start three members in the background: ports 2379, 22379, 32379, ./tricord-cluster (ARGS="5" for five)
	@exec $(BIN)/tricord cluster start $(or $(ARGS),3)

test: check ## check, then the whole suite (PEERS=all: a missing peer is a failure; TESTS=tests/mvcc: a part; JOBS=1)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile --no-loadscope-reorder $(if $(PEERS),--peers=$(PEERS)) $(TESTS)

check: install ## lint, format, types, layers, whether each mutant still applies; writes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests bench examples
	$(BIN)/lint-imports
	$(BIN)/python -m tests.mutants.run --check

fix: install ## let ruff correct and format what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: install ## wheel and sdist into dist/
	$(BIN)/python -m build --no-isolation --outdir dist .

bench: install ## tricord and a real etcd in turns, by etcd's own tool, and the client's import (ARGS=--quick for minutes)
	$(BIN)/python -m bench.client_import
	$(BIN)/python -m bench.etcd_kv $(ARGS)

bench-raft: install ## three nodes of tricord.raft_node, hashicorp/raft and PySyncObj in turns (ARGS="--rounds 1")
	$(BIN)/python -m bench.raft $(ARGS)

bench-sim: install ## turns a second, cluster-hours a minute of the simulator's fine net (ARGS="--plans 5")
	$(BIN)/python -m bench.sim $(ARGS)

bench-cluster: install ## three members beside three of etcd: load, then failover (long)
	$(BIN)/python -m bench.etcd_kv --members 3 $(ARGS)
	$(BIN)/python -m bench.failover

bench-models: install ## puts into strong, causal and eventual keyspaces, with 50 ms between members and without (ARGS="--rounds 1")
	$(BIN)/python -m bench.models $(ARGS)

bench-check: install ## the checkers on generated histories, linearizability beside Porcupine (Go; ARGS=--quick for minutes)
	$(BIN)/python -m bench.check $(ARGS)

soak-raft: install ## three loaded members killed for five minutes, then 50 times all at once (ARGS="--seconds 20 --rounds 5")
	$(BIN)/python -m tests.e2e.soak_raft $(ARGS)

soak-models: install ## causal and eventual keyspaces on three members, cut and killed (ARGS="--seconds 10 --kills 3 --all 1")
	$(BIN)/python -m tests.e2e.soak_models $(ARGS)

soak-leases: install ## leases on three members whose leader is paused and killed for five minutes (ARGS="--seconds 60")
	$(BIN)/python -m tests.e2e.soak_leases $(ARGS)

test-faults: install ## three members in network namespaces, broken in 21 ways for five minutes (root; ARGS="--seconds 3600 --seed 7")
	$(BIN)/python -m tests.e2e.faults $(ARGS)

proto: install ## the message schemas from proto/
	$(BIN)/python proto/generate.py

docs: install ## the generated pages of docs/
	$(BIN)/python -m tricord.cli.generated_docs

peers: install ## real clients and servers into .peers/ (needs Go, Node, a JDK with Maven, Debian's apt-get)
	tests/peers/install

bitflip: install ## flip one bit anywhere in a member's files, 1,000 times (long)
	TRICORD_BIT_FLIPS=1000 $(BIN)/python -m pytest -q tests/storage/test_bit_flips.py

mutants: install ## each known bug, put into a copy, must be named by a test, and no control (ARGS="01 --jobs 1")
	$(BIN)/python -m tests.mutants.run $(ARGS)

sim: install ## run a simulated cluster: SEED=17 (NET=wide: whole members; ARGS="--story --shrink-seconds 60")
	@$(BIN)/tricord sim run --seed $(or $(SEED),0) --net $(or $(NET),fine) $(ARGS)

sim-search: install ## run seeds for MINUTES=60, until one violates a promise (NET=wide; ARGS="--jobs 2 --from 1000")
	@$(BIN)/tricord sim search --minutes $(or $(MINUTES),60) --net $(or $(NET),fine) $(ARGS)

sim-hashes: install ## 1,000 seeds twice, in two processes with two hash seeds: do all repeat? (NET=wide; ARGS="--seeds 100")
	@$(BIN)/python -m tests.sim.hashes --net $(or $(NET),fine) $(ARGS)

sim-models: install ## 1,000 seeds of each consistency model: what it promises holds, no more than that (ARGS="causal --seeds 50")
	@$(BIN)/python -m tests.sim.models $(ARGS)

sim-kinds: install ## a run for each kind of fault in which it took hold (ARGS="--net wide")
	@$(BIN)/tricord sim kinds --prove $(ARGS)

test-watch: install ## 10,000 watchers of a real member, told of 1,000,000 changes (ARGS="--server etcd": of a real etcd)
	$(BIN)/python -m tests.e2e.watch_load $(ARGS)

kill-rounds: install ## kill -9 one of three loaded members ROUNDS=200 times, then all at once ALL=50 times (long)
	$(BIN)/python -m tests.e2e.soak_raft --kills $(or $(ROUNDS),200) --rounds $(or $(ALL),50) --pause 1

lock: install ## write requirements.lock anew
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra dev --upgrade \
		--no-header --no-emit-index-url --output-file requirements.lock pyproject.toml

clean: ## remove everything that the other verbs made, but no data directory
	rm -rf $(VENV) .peers dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
