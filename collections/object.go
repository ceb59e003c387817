package collections

// ObjectState is where an object stands in the store.
type ObjectState string

// The states. Only deleting objects are removed from the store.
const (
	ObjectUploading ObjectState = "uploading"
	ObjectStored    ObjectState = "stored"
	ObjectDeleting  ObjectState = "deleting"
)
