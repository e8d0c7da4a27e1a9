module github.com/gatehouse-iam/gatehouse/test/cluster

go 1.26.0
