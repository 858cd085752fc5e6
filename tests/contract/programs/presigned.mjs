// Presigned requests as AWS's SDK for JavaScript makes them, sent as a browser does. Run in the folder that has the SDK; prints what failed.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
const require = createRequire(process.cwd() + "/");
const s3 = require("@aws-sdk/client-s3");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");
const { createPresignedPost } = require("@aws-sdk/s3-presigned-post");

const Bucket = process.argv[2];
const failed = [];
const same = (what, got, wanted) => {
  if (JSON.stringify(got) !== JSON.stringify(wanted)) failed.push([what, got, wanted]);
};
const sha256 = (text) => createHash("sha256").update(text).digest("base64");
const send = async (url, method, body, headers) => {
  const answer = await fetch(url, { method, body, headers });
  return [answer.status, await answer.text()];
};

async function objects(kind, client) {
  const read = async (Key) => {
    const found = await client.send(new s3.GetObjectCommand({ Bucket, Key }));
    return [await found.Body.transformToString(), found.ContentType, found.Metadata];
  };
  const cases = {
    plain: [{}, {}, {}],
    typed: [{ ContentType: "text/csv", Metadata: { a: "b c" } }, {}, { "content-type": "text/csv" }],
    "typed and signed": [{ ContentType: "text/csv" }, { signableHeaders: new Set(["content-type"]) }, { "content-type": "text/csv" }],
    algorithm: [{ ChecksumAlgorithm: "SHA256" }, {}, {}],
    "checksum of another body": [{ ChecksumSHA256: sha256("other") }, {}, {}],
    "body at signing": [{ Body: "other" }, {}, {}],
    "checksum as a header": [
      { ChecksumSHA256: sha256("hello") },
      { unhoistableHeaders: new Set(["x-amz-checksum-sha256"]) },
      { "x-amz-checksum-sha256": sha256("hello") },
    ],
  };
  for (const [name, [parameters, options, headers]] of Object.entries(cases)) {
    const Key = `${kind}/${name} ü+.txt`;
    const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key, ...parameters }), { expiresIn: 300, ...options });
    const [status, text] = await send(url, "PUT", Buffer.from("hello"), headers);
    same(`${kind}: PUT ${name}`, [status, text], [200, ""]);
    if (status === 200) {
      const [body, type, metadata] = await read(Key);
      same(`${kind}: GET of ${name}`, [body, type, metadata], ["hello", headers["content-type"] ?? "binary/octet-stream", parameters.Metadata ?? {}]);
    }
  }
  const Key = `${kind}/plain ü+.txt`;
  const get = new s3.GetObjectCommand({ Bucket, Key, ResponseContentDisposition: 'attachment; filename="a.txt"', ResponseContentType: "text/x-a" });
  const answer = await fetch(await getSignedUrl(client, get, { expiresIn: 300 }));
  same(`${kind}: GET`, [await answer.text(), answer.headers.get("content-disposition"), answer.headers.get("content-type")], ["hello", 'attachment; filename="a.txt"', "text/x-a"]);
  same(`${kind}: HEAD`, (await send(await getSignedUrl(client, new s3.HeadObjectCommand({ Bucket, Key })), "HEAD"))[0], 200);
  const wrong = { ChecksumSHA256: sha256("other") };
  const url = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key, ...wrong }), { unhoistableHeaders: new Set(["x-amz-checksum-sha256"]) });
  const [status, text] = await send(url, "PUT", "hello", { "x-amz-checksum-sha256": wrong.ChecksumSHA256 });
  same(`${kind}: a wrong checksum as a header`, [status, /<Code>BadDigest</.test(text)], [400, true]);
  same(`${kind}: DELETE`, (await send(await getSignedUrl(client, new s3.DeleteObjectCommand({ Bucket, Key })), "DELETE"))[0], 204);
}

async function parts(kind, client, of) {
  const Key = `${kind}/parts`;
  const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key, ...of }));
  const bodies = ["x".repeat(5 * 2 ** 20), "end"];
  const Parts = [];
  for (const [index, body] of bodies.entries()) {
    const url = await getSignedUrl(client, new s3.UploadPartCommand({ Bucket, Key, UploadId, PartNumber: index + 1, ...of }), { expiresIn: 300 });
    const answer = await fetch(url, { method: "PUT", body });
    same(`${kind}: part ${index + 1}`, [answer.status, await answer.text()], [200, ""]);
    const sums = of.ChecksumAlgorithm ? { ChecksumSHA256: sha256(body) } : {};
    Parts.push({ PartNumber: index + 1, ETag: answer.headers.get("etag"), ...sums });
  }
  await client.send(new s3.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  const { ContentLength } = await client.send(new s3.HeadObjectCommand({ Bucket, Key }));
  same(`${kind}: whole`, ContentLength, 5 * 2 ** 20 + 3);
}

async function forms(kind, client) {
  const Conditions = [["content-length-range", 1, 10], ["starts-with", "$Content-Type", "text/"], { "x-amz-meta-a": "b" }];
  const { url, fields } = await createPresignedPost(client, { Bucket, Key: kind + "/${filename}", Conditions, Fields: { "x-amz-meta-a": "b" } });
  const post = async (text, type) => {
    const form = new FormData();
    for (const [name, value] of Object.entries({ ...fields, "Content-Type": type })) form.append(name, value);
    form.append("file", new Blob([text]), "posted.txt");
    return (await send(url, "POST", form))[0];
  };
  same(`${kind}: POST`, [await post("hello", "text/a"), await post("much too long", "text/a"), await post("hello", "image/a")], [204, 400, 403]);
  const found = await client.send(new s3.HeadObjectCommand({ Bucket, Key: `${kind}/posted.txt` }));
  same(`${kind}: posted`, [found.ContentLength, found.ContentType, found.Metadata], [5, "text/a", { a: "b" }]);
}

for (const when of ["WHEN_SUPPORTED", "WHEN_REQUIRED"]) {
  const client = new s3.S3Client({ requestChecksumCalculation: when, responseChecksumValidation: when, endpoint: process.env.AWS_ENDPOINT_URL });
  await objects(when, client);
  await parts(when, client, {});
  await parts(`${when} SHA256`, client, { ChecksumAlgorithm: "SHA256" });
  await forms(when, client);
}
console.log(failed.length ? JSON.stringify(failed, null, 1) : "all done");
process.exit(failed.length ? 1 : 0);
