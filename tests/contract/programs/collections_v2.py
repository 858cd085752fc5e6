"""SDK v2's collections of model package groups: nested, filled, moved, listed, deleted."""

from sagemaker import Session
from sagemaker.collection import Collection

session = Session()
collection = Collection(session)
for name in ("ranking", "search"):
    session.sagemaker_client.create_model_package_group(ModelPackageGroupName=f"collected-{name}")
collection.create("all-models")
collection.create("web", parent_collection_name="all-models")
try:
    collection.create("web")
except ValueError as error:
    print("twice:", error)
groups = ["collected-ranking", "collected-search"]
print("added:", collection.add_model_groups("web", groups)["added_groups"])
print("root:", [one["Name"] for one in collection.list_collection()])
print("inner:", sorted((one["Name"], one["Type"]) for one in collection.list_collection("all-models")))
print("members:", sorted(one["Name"] for one in collection.list_collection("web")))
print("moved:", collection.move_model_group("web", "collected-search", "all-models")["moved_success"])
print("left:", [one["Name"] for one in collection.list_collection("web")])
print("full:", collection.delete(["web"])["delete_collection_failures"][0]["message"])
collection.remove_model_groups("web", ["collected-ranking"])
collection.remove_model_groups("all-models", ["collected-search"])
print("deleted:", collection.delete(["web", "all-models"])["deleted_collections"])
try:
    collection.add_model_groups("web", groups)
except ValueError as error:
    print("gone:", error)
