package e2e_test

import "flag"

// The flags of this package's tests. On the command line they follow the name of the
// package: go test ./internal/proof/e2e -run '^TestSoak$' -duration 5m. A test that
// needs a flag is skipped without it.
var (
	duration  = flag.Duration("duration", 0, "how long TestSoak takes, and each step of TestOverload, TestIngestBench, TestFanout and TestFanoutHTTPS; 0 skips them, but for the last two, where it stands for 20 s and 10 s")
	listeners = flag.Int("listeners", 0, "how many listeners TestFanout and TestFanoutHTTPS have; 0 skips them")
	millions  = flag.Int("millions", 0, "how many million reactions TestLongHistory and TestDay write; 0 skips them")
	hours     = flag.Int("hours", 1, "how many hours of its day TestDay sends again, 1 to 24")
	clients   = flag.Int("clients", 0, "how many clients TestRegistry has, 6 to 10000, and that it checks how evenly they are spread and how soon they are back; 0: 600, without these checks")
	python    = flag.String("python", "", "a Python that has testdata/python/requirements.txt: TestPythonClients needs it, TestRecording and TestDay let it read their tables")
	earlier   = flag.String("earlier", "", "a commit whose program TestUpgradeStages, TestUpgradeAccess and TestUpgradeUp run beside this version's; without it they are skipped")
	login     = flag.String("login", "", "a folder with the packages of testdata/login: TestLogin runs its identity provider from there; without it TestLogin is skipped")
	pages     = flag.String("pages", "", "a folder with README.md and docs, whose commands TestPages types; without it TestPages is skipped")
)
