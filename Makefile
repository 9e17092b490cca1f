# memlab: `make run` shows it at work, `make test` proves it. Both install what they need.

PACKAGES := libxxhash-dev libzstd-dev zlib1g-dev liblzma-dev libsqlite3-dev pkg-config gnuplot-nox zstd xz-utils
SWIFT    ?= swift
MEMLAB   := .build/release/memlab
SOAK     := .build/release/memlab-soak

GUESTS   := .build/guests

.PHONY: run test soak fuzz hunts guest build lint format reference bench deps toolchain clean help

run: build  ## Build, run the quickstart scenario, and say where its report is
	$(MEMLAB) run Workloads/quickstart.yaml

build: deps  ## Build .build/release/memlab
	$(SWIFT) build -c release --product memlab

test: build hunts  ## Build and run all tests; those of the command line and the hunts run the release build
	$(SWIFT) build --build-tests
	MEMLAB_EXECUTABLE=$(CURDIR)/$(MEMLAB) MEMLAB_SOAK_EXECUTABLE=$(CURDIR)/$(SOAK) $(SWIFT) test --skip-build

soak: build hunts  ## Check every permission combination under every way of paging, then KSM against this machine's kernel; needs root
	$(SOAK) permissions
	$(MEMLAB) verify ksm --wait 600 --all --mixtures 200

fuzz: hunts  ## Carry random page-table programs out under every way of paging at once, 10,000,000 steps; SEED=N for others
	$(SOAK) differential --steps 10000000 --seed $(or $(SEED),1)

hunts: deps
	$(SWIFT) build -c release --product memlab-soak

guest: build  ## Boot real Linux guests in QEMU, with 4 and 5 levels of page tables, and compare every entry with what QEMU says
	MEMLAB_GUEST_CACHE=$(GUESTS)/kernel Workloads/capture-linux-guest.sh $(GUESTS)/linux-4level 4 512
	Workloads/check-linux-guest.sh $(GUESTS)/linux-4level
	MEMLAB_GUEST_CACHE=$(GUESTS)/kernel Workloads/capture-linux-guest.sh $(GUESTS)/linux-5level 5 4096
	Workloads/check-linux-guest.sh $(GUESTS)/linux-5level

bench: deps  ## Measure memlab against floors that no implementation could do without; writes Reports/benchmarks
	cd Tests/Benchmarks && $(SWIFT) build -c release --product memlab-bench
	Tests/Benchmarks/.build/release/memlab-bench --out Reports/benchmarks

lint: toolchain  ## Check the style, and that no import points up a floor
	$(SWIFT) format lint --strict --recursive --parallel Package.swift Sources Tests
	@$(MAKE) --no-print-directory deps
	$(SWIFT) build -c release --explicit-target-dependency-import-check error

format: toolchain  ## Rewrite all sources in the house's style
	$(SWIFT) format --in-place --recursive --parallel Package.swift Sources Tests

deps: toolchain  ## Install the Debian packages that are missing
	@missing=; for p in $(PACKAGES); do dpkg-query -W -f '$${db:Status-Abbrev}' $$p 2>/dev/null | grep -q '^.i' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo="sudo -n"; \
	  else echo "memlab: these packages are missing and installing them needs root: run  sudo apt-get install$$missing" >&2; exit 1; fi; \
	  echo "memlab: installing$$missing" >&2; \
	  log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	  { $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } \
	    >"$$log" 2>&1 || { tail -n 5 "$$log" >&2; echo "memlab: could not install$$missing" >&2; exit 1; }; \
	fi

toolchain:
	@command -v $(SWIFT) >/dev/null 2>&1 || { echo "memlab: no Swift tool chain in PATH; install Swift 6.3 from https://www.swift.org/install/linux/" >&2; exit 1; }
	@$(SWIFT) --version 2>/dev/null | grep -Eq 'Swift version (6\.([3-9]|[1-9][0-9])|[7-9]|[1-9][0-9])' || { echo "memlab: Swift 6.3 or later is needed; found: $$($(SWIFT) --version 2>/dev/null | head -n 1)" >&2; exit 1; }

reference: build  ## Accept what the scenarios give now as their reference reports
	$(MEMLAB) run Workloads/quickstart.yaml --out Reports/quickstart
	@mkdir -p Reports/sharing
	@for f in Workloads/*.yaml; do n=$$(basename $$f .yaml); [ $$n = quickstart ] && continue; \
	  echo "$(MEMLAB) run $$f"; \
	  $(MEMLAB) run $$f --quiet --no-figures --format csv >Reports/sharing/$$n.new || { rm -f Reports/sharing/$$n.new; exit 1; }; \
	  mv Reports/sharing/$$n.new Reports/sharing/$$n.csv; done

clean:  ## Remove what was built and the runs
	rm -rf .build Tests/Benchmarks/.build Reports/runs

help:  ## Say what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
