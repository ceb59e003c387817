package plugins

//go:generate protoc --go_out=.. --go_opt=module=github.com/longshore-project/longshore --go-grpc_out=.. --go-grpc_opt=module=github.com/longshore-project/longshore engine.proto
