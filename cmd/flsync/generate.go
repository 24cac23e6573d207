package main

//go:generate go test -count=1 -run "TestDocs|TestSkillReference" . -update-docs
