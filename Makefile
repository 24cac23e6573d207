# Every target works from a clean clone with Go; `make help` lists them.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'

.PHONY: help build release-snapshot test test-long blender-paths race lint vet generate cross bench-smoke bench-report chaos size reproducible licences addon addon-test addon-window extension-repo demo clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

build: ## bin/flsync for this machine
	$(BUILD) -o bin/flsync ./cmd/flsync

test: ## the tests that are over in a minute and a half; those that start Blender are not among them
	$(GO) test ./...

test-long: ## all tests
	FLSYNC_LONG=1 $(GO) test ./...

blender-paths: ## every property of Blender that is a path is traced or known; FLSYNC_BLENDER is its program
	FLSYNC_REQUIRE_BLENDER=1 $(GO) test -count=1 -run TestEveryPathProperty ./deps

# Each of the hundreds of programs that the tests start would else sleep a second at its end.
race: ## all tests with the race detector
	GORACE=atexit_sleep_ms=10 CGO_ENABLED=1 $(GO) test -race -short ./...

lint: vet ## format, vet, staticcheck, generated and module files up to date
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	$(GO) generate ./...
	@git diff --exit-code -- flamenco/api docs/commands docs/man || { echo 'generated files are stale: run make generate'; exit 1; }

vet:
	$(GO) vet ./...

generate: ## everything that is made from something else
	$(GO) generate ./...

cross: ## builds and vets for the other systems
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  echo "$$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build ./... || exit 1; done; \
	  GOOS=$$os CGO_ENABLED=0 $(GO) vet ./... || exit 1; done

bench-smoke: ## every benchmark once, small
	$(GO) test -run '^$$' -bench . -benchtime 1x ./...
	$(GO) run ./bench/cmd/flsync-bench smoke

# BENCH takes flags of flsync-bench run, such as --manager-program or --only.
bench-report: ## measure everything (35 minutes) and write bench/RESULTS.md as the run goes
	$(GO) build -trimpath -o bin/flsync-bench ./bench/cmd/flsync-bench
	bin/flsync-bench run $(BENCH)

size: ## product lines by package: Go without tests and generated code
	@git ls-files '*.go' | grep -v -e '_test\.go$$' -e '\.gen\.go$$' | xargs awk '\
	  { d = FILENAME; if (!sub("/[^/]*$$", "", d)) d = "."; n[d]++; all++ } \
	  END { for (d in n) printf "%7d  %s\n", n[d], d | "sort -k2"; close("sort -k2"); printf "%7d  all\n", all }'

SEEDS ?= 1000
KILLS ?= 200
chaos: ## 1,000 fault plans and 200 kills (half an hour), or SEEDS=50 KILLS=5; writes the figures of docs/reliability.md
	FLSYNC_FAULT_SEEDS=$(SEEDS) FLSYNC_KILLS=$(KILLS) FLSYNC_FIGURES=$(CURDIR)/docs/reliability.md \
	  $(GO) test -count=1 -timeout 3h -run 'TestMatrix|TestKill' ./internal/lab/faults

reproducible: ## two builds from scratch give the same bytes
	@for n in 1 2; do $(BUILD) -a -o dist/reproducible/$$n ./cmd/flsync || exit 1; done
	@cd dist/reproducible && sha256sum 1 2 && cmp 1 2

licences: ## docs/licences.md, from the modules that are built in
	FLSYNC_WRITE_LICENCES=1 $(GO) test -count=1 -run TestLicences .

release-snapshot: ## archives, packages and manifests in dist/, nothing published; offline once the modules are there
	$(GO) tool -modfile packaging/goreleaser.mod goreleaser release --snapshot --clean --skip=publish

# BLENDER is a program's name or file, or a script that runs one in a container which has /tmp and this folder.
BLENDER ?= blender
addon-test: ## the add-on's tests, headless, in BLENDER=blender
	FLSYNC_BLENDER=$(BLENDER) FLSYNC_REQUIRE_BLENDER=1 $(GO) test -count=1 -v -run TestPython/addon ./integrations/blender

addon-window: ## the add-on in a window of Xvfb, in BLENDER=blender; PICTURES=folder keeps what is seen
	FLSYNC_BLENDER=$(BLENDER) FLSYNC_REQUIRE_BLENDER=1 FLSYNC_WINDOW_TEST=1 FLSYNC_PICTURES=$(abspath $(PICTURES)) \
	  $(GO) test -count=1 -v -run TestPython/window ./integrations/blender

addon: ## bin/flsync-blender.zip, the Blender add-on
	$(GO) run ./integrations/blender/addonzip -o bin/flsync-blender.zip

extension-repo: ## bin/extensions: a static extension repository for Blender 4.2 and later, the program bundled
	@for p in linux_amd64 darwin_amd64 darwin_arm64 windows_amd64; do \
	  os=$${p%_*} arch=$${p#*_}; ext=; [ $$os != windows ] || ext=.exe; \
	  GOOS=$$os GOARCH=$$arch $(BUILD) -o dist/programs/flsync_$$p$$ext ./cmd/flsync || exit 1; done
	$(GO) run ./integrations/blender/addonzip -repo bin/extensions -programs dist/programs

demo: ## submit the sample project to the embedded Manager
	$(GO) run ./cmd/flsync submit --manager embedded testdata/project/night.yaml

clean:
	rm -rf bin dist
