package org.sagewright.spark

import java.io.{FileNotFoundException, IOException}
import java.net.URI
import java.net.http.{HttpClient, HttpRequest, HttpResponse}
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.AccessDeniedException
import java.security.MessageDigest
import java.time.format.DateTimeFormatter
import java.time.{Duration, Instant, ZoneOffset}
import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import javax.xml.parsers.DocumentBuilderFactory

import org.apache.hadoop.conf.Configuration
import org.w3c.dom.{Document, Element}

/** One object as a listing tells of it. */
final case class S3Object(key: String, size: Long, modifiedMs: Long)

/** A page of a listing: objects, and prefixes that end at the delimiter. */
final case class S3Page(objects: Seq[S3Object], prefixes: Seq[String], next: Option[String])

/** S3's protocol, as far as a file system needs it, signed by version 4. One bucket; path style. */
final class S3Client(bucket: String, conf: Configuration) {
  private def setting(name: String, variables: String*): String = {
    val named = conf.getTrimmed(s"fs.s3a.bucket.$bucket.$name", conf.getTrimmed(s"fs.s3a.$name", ""))
    if (named.nonEmpty) named else variables.flatMap(v => sys.env.get(v)).find(_.nonEmpty).getOrElse("")
  }

  private val region = Some(setting("endpoint.region", "AWS_REGION", "AWS_DEFAULT_REGION")).filter(_.nonEmpty).getOrElse("us-east-1")
  private val endpoint: URI = {
    val given = setting("endpoint", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    val text = if (given.isEmpty) s"https://s3.$region.amazonaws.com" else if (given.contains("://")) given else s"https://$given"
    URI.create(text.stripSuffix("/"))
  }
  private val accessKey = setting("access.key", "AWS_ACCESS_KEY_ID")
  private val secretKey = setting("secret.key", "AWS_SECRET_ACCESS_KEY")
  private val token = setting("session.token", "AWS_SESSION_TOKEN")

  def head(key: String): Option[S3Object] = {
    val answer = send("HEAD", key)
    if (answer.statusCode == 404) None
    else {
      val found = checked(answer, key).headers
      val modified = found.firstValue("last-modified").map[Long](S3Client.httpDateMs).orElse(0L)
      Some(S3Object(key, found.firstValueAsLong("content-length").orElse(0L), modified))
    }
  }

  /** Bytes `from` to `to`, both included. */
  def read(key: String, from: Long, to: Long): Array[Byte] =
    checked(send("GET", key, headers = Map("range" -> s"bytes=$from-$to")), key).body

  def put(key: String, body: Array[Byte]): Unit = checked(send("PUT", key, body = body), key)

  def startParts(key: String): String = text(xml(checked(send("POST", key, Map("uploads" -> "")), key)), "UploadId")

  /** The part's ETag. */
  def putPart(key: String, upload: String, number: Int, body: Array[Byte]): String = {
    val answer = checked(send("PUT", key, Map("partNumber" -> number.toString, "uploadId" -> upload), body), key)
    answer.headers.firstValue("etag").orElseThrow(() => new IOException(s"s3://$bucket/$key: a part has no ETag"))
  }

  def finishParts(key: String, upload: String, tags: Seq[String]): Unit = {
    val parts = tags.zipWithIndex.map { case (tag, i) => s"<Part><PartNumber>${i + 1}</PartNumber><ETag>${escaped(tag)}</ETag></Part>" }
    val body = parts.mkString("<CompleteMultipartUpload>", "", "</CompleteMultipartUpload>")
    notRefused(checked(send("POST", key, Map("uploadId" -> upload), body.getBytes(UTF_8)), key), key)
  }

  def abandonParts(key: String, upload: String): Unit = send("DELETE", key, Map("uploadId" -> upload))

  def copy(source: String, target: String): Unit =
    notRefused(checked(send("PUT", target, headers = Map("x-amz-copy-source" -> S3Client.encoded(s"/$bucket/$source", "/"))), source), source)

  /** Keys that are not there are no fault. At most 1,000 a request. */
  def delete(keys: Iterable[String]): Unit = keys.grouped(1000).foreach { some =>
    val body = some.map(k => s"<Object><Key>${escaped(k)}</Key></Object>").mkString("<Delete><Quiet>true</Quiet>", "", "</Delete>").getBytes(UTF_8)
    val digest = java.util.Base64.getEncoder.encodeToString(MessageDigest.getInstance("MD5").digest(body))
    val answer = xml(checked(send("POST", "", Map("delete" -> ""), body, Map("content-md5" -> digest)), some.head))
    elements(answer.getDocumentElement, "Error").headOption.foreach { error =>
      throw new IOException(s"s3://$bucket/${text(error, "Key")} cannot be deleted: ${text(error, "Code")} ${text(error, "Message")}")
    }
  }

  def list(prefix: String, delimiter: String, next: Option[String] = None, most: Int = 1000): S3Page = {
    val asked = Map("list-type" -> "2", "prefix" -> prefix, "encoding-type" -> "url", "max-keys" -> most.toString) ++
      (if (delimiter.isEmpty) Map.empty else Map("delimiter" -> delimiter)) ++ next.map("continuation-token" -> _)
    val found = xml(checked(send("GET", "", asked), prefix)).getDocumentElement
    val objects = elements(found, "Contents").map { one =>
      S3Object(S3Client.decoded(text(one, "Key")), text(one, "Size").toLong, Instant.parse(text(one, "LastModified")).toEpochMilli)
    }
    val prefixes = elements(found, "CommonPrefixes").map(one => S3Client.decoded(text(one, "Prefix")))
    val token = if (text(found, "IsTruncated") == "true") Some(text(found, "NextContinuationToken")) else None
    S3Page(objects, prefixes, token)
  }

  /** All pages of a listing, each fetched when it is asked for. */
  def pages(prefix: String, delimiter: String): Iterator[S3Page] = new Iterator[S3Page] {
    private var token: Option[String] = None
    private var started = false
    override def hasNext: Boolean = !started || token.nonEmpty
    override def next(): S3Page = {
      val page = list(prefix, delimiter, token)
      started = true
      token = page.next
      page
    }
  }

  /** The key of every object below a prefix. */
  def keys(prefix: String): Vector[String] = pages(prefix, "").flatMap(_.objects).map(_.key).toVector

  private def send(
      method: String, key: String, query: Map[String, String] = Map.empty, body: Array[Byte] = Array.emptyByteArray,
      headers: Map[String, String] = Map.empty): HttpResponse[Array[Byte]] = {
    var tried = 0
    while (true) {
      tried += 1
      try {
        val answer = S3Client.http.send(signed(method, key, query, body, headers), HttpResponse.BodyHandlers.ofByteArray())
        if (answer.statusCode < 500 && answer.statusCode != 429 || tried == S3Client.Tries) return answer
      } catch {
        case error: IOException =>
          if (tried == S3Client.Tries) throw new IOException(s"$method s3://$bucket/$key at $endpoint: $error", error)
      }
      Thread.sleep(100L << tried)
    }
    throw new IllegalStateException("not reached")
  }

  private def signed(method: String, key: String, query: Map[String, String], body: Array[Byte], more: Map[String, String]): HttpRequest = {
    val path = endpoint.getRawPath + S3Client.encoded(s"/$bucket/$key", "/")
    val asked = query.toSeq.map { case (k, v) => S3Client.encoded(k, "") + "=" + S3Client.encoded(v, "") }.sorted.mkString("&")
    val at = S3Client.Stamp.format(Instant.now())
    val digest = S3Client.hex(MessageDigest.getInstance("SHA-256").digest(body))
    val own = more ++ Map("x-amz-date" -> at, "x-amz-content-sha256" -> digest) ++
      (if (token.isEmpty) Map.empty else Map("x-amz-security-token" -> token))
    val all = (own + ("host" -> endpoint.getRawAuthority)).toSeq.sortBy(_._1)
    val names = all.map(_._1).mkString(";")
    val canonical = Seq(method, path, asked, all.map { case (k, v) => s"$k:$v\n" }.mkString, names, digest).mkString("\n")
    val scope = s"${at.take(8)}/$region/s3/aws4_request"
    val toSign = Seq("AWS4-HMAC-SHA256", at, scope, S3Client.hex(MessageDigest.getInstance("SHA-256").digest(canonical.getBytes(UTF_8)))).mkString("\n")
    val secret = scope.split("/").foldLeft(("AWS4" + secretKey).getBytes(UTF_8))(S3Client.mac)
    val signature = S3Client.hex(S3Client.mac(secret, toSign))
    val uri = URI.create(s"${endpoint.getScheme}://${endpoint.getRawAuthority}$path" + (if (asked.isEmpty) "" else s"?$asked"))
    val publisher = if (body.isEmpty) HttpRequest.BodyPublishers.noBody() else HttpRequest.BodyPublishers.ofByteArray(body)
    val request = HttpRequest.newBuilder(uri).timeout(Duration.ofMinutes(5)).method(method, publisher)
    own.foreach { case (k, v) => request.header(k, v) }
    if (accessKey.nonEmpty)
      request.header("authorization", s"AWS4-HMAC-SHA256 Credential=$accessKey/$scope, SignedHeaders=$names, Signature=$signature")
    request.build()
  }

  private def checked(answer: HttpResponse[Array[Byte]], key: String): HttpResponse[Array[Byte]] = answer.statusCode match {
    case code if code < 300 => answer
    case 404 => throw new FileNotFoundException(s"s3://$bucket/$key: ${said(answer)}")
    case 403 => throw new AccessDeniedException(s"s3://$bucket/$key", null, said(answer))
    case code => throw new IOException(s"s3://$bucket/$key: status $code: ${said(answer)}")
  }

  /** Copies and completions answer 200 and may say inside that they failed. */
  private def notRefused(answer: HttpResponse[Array[Byte]], key: String): Unit =
    if (xml(answer).getDocumentElement.getTagName == "Error") throw new IOException(s"s3://$bucket/$key: ${said(answer)}")

  private def said(answer: HttpResponse[Array[Byte]]): String = {
    val body = new String(answer.body, UTF_8)
    if (!body.startsWith("<")) body.take(300)
    else { val error = xml(answer).getDocumentElement; s"${text(error, "Code")}: ${text(error, "Message")}" }
  }

  private def xml(answer: HttpResponse[Array[Byte]]): Document = {
    val factory = DocumentBuilderFactory.newInstance()
    factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true)
    factory.newDocumentBuilder().parse(new java.io.ByteArrayInputStream(answer.body))
  }

  private def elements(parent: Element, name: String): Seq[Element] = {
    val children = parent.getChildNodes
    (0 until children.getLength).map(children.item).collect { case one: Element if one.getTagName == name => one }
  }

  private def text(document: Document, name: String): String = text(document.getDocumentElement, name)

  private def text(parent: Element, name: String): String = elements(parent, name).headOption.map(_.getTextContent).getOrElse("")

  private def escaped(value: String): String = value.flatMap {
    case '&' => "&amp;"
    case '<' => "&lt;"
    case '>' => "&gt;"
    case c if c < ' ' => f"&#x${c.toInt}%x;"
    case c => c.toString
  }
}

object S3Client {
  private val Tries = 5
  private val Stamp = DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC)
  private lazy val http = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(Duration.ofSeconds(20)).build()

  private def mac(key: Array[Byte], text: String): Array[Byte] = {
    val mac = Mac.getInstance("HmacSHA256")
    mac.init(new SecretKeySpec(key, "HmacSHA256"))
    mac.doFinal(text.getBytes(UTF_8))
  }

  private def hex(bytes: Array[Byte]): String = bytes.map(b => f"$b%02x").mkString

  /** RFC 3986, with `safe` left as it is. */
  private def encoded(value: String, safe: String): String = value.getBytes(UTF_8).map { b =>
    val c = (b & 0xff).toChar
    if (c < 128 && (c.isLetterOrDigit || "-._~".indexOf(c.toInt) >= 0 || safe.indexOf(c.toInt) >= 0)) c.toString else f"%%${b & 0xff}%02X"
  }.mkString

  private def decoded(value: String): String = java.net.URLDecoder.decode(value, UTF_8)

  private def httpDateMs(value: String): Long = Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(value)).toEpochMilli
}
