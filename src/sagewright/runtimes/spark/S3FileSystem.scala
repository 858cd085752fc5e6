package org.sagewright.spark

import java.io.{ByteArrayOutputStream, EOFException, FileNotFoundException, IOException, OutputStream}
import java.net.URI

import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.permission.FsPermission
import org.apache.hadoop.fs.{FSDataInputStream, FSDataOutputStream, FSInputStream, FileAlreadyExistsException, FileStatus, FileSystem, Path}
import org.apache.hadoop.util.Progressable

/** A bucket as Hadoop's file system, for s3:// and s3a://. A directory is a prefix; an empty one is an object `prefix/`. */
class S3FileSystem extends FileSystem {
  private var uri: URI = _
  private var s3: S3Client = _
  private var workingDirectory: Path = _

  override def initialize(name: URI, conf: Configuration): Unit = {
    super.initialize(name, conf)
    setConf(conf)
    if (name.getAuthority == null) throw new IOException(s"$name names no bucket")
    uri = URI.create(s"${name.getScheme}://${name.getAuthority}")
    s3 = new S3Client(name.getAuthority, conf)
    workingDirectory = new Path(uri.toString + "/")
  }

  override def getUri: URI = uri
  override def getScheme: String = uri.getScheme
  override def getDefaultPort: Int = -1
  override def getWorkingDirectory: Path = workingDirectory
  override def setWorkingDirectory(path: Path): Unit = workingDirectory = path.makeQualified(uri, workingDirectory)
  override def getDefaultBlockSize: Long = 64L << 20

  override def open(path: Path, bufferSize: Int): FSDataInputStream = {
    val status = getFileStatus(path)
    if (status.isDirectory) throw new FileNotFoundException(s"$path is a directory")
    new FSDataInputStream(new S3Input(s3, key(path), status.getLen, statistics))
  }

  override def create(
      path: Path, permission: FsPermission, overwrite: Boolean, bufferSize: Int, replication: Short, blockSize: Long,
      progress: Progressable): FSDataOutputStream = {
    found(path) match {
      case Some(status) if status.isDirectory => throw new FileAlreadyExistsException(s"$path is a directory")
      case Some(_) if !overwrite => throw new FileAlreadyExistsException(s"$path exists already")
      case _ => new FSDataOutputStream(new S3Output(s3, key(path), () => forgetMarkers(path)), statistics)
    }
  }

  override def append(path: Path, bufferSize: Int, progress: Progressable): FSDataOutputStream =
    throw new UnsupportedOperationException("objects in S3 cannot be appended to")

  override def rename(source: Path, target: Path): Boolean = found(source).exists { status =>
    val into = found(target) match {
      case Some(there) if there.isDirectory => Some(new Path(target, source.getName))
      case Some(_) => None
      case None => Some(target)
    }
    into.exists { place =>
      val (from, to) = (key(source), key(place))
      if (from == to) true
      else if (status.isDirectory && to.startsWith(from + "/")) false
      else {
        if (status.isDirectory) moveAll(from + "/", to + "/") else move(from, to)
        forgetMarkers(place)
        keepParent(source)
        true
      }
    }
  }

  private def move(from: String, to: String): Unit = {
    s3.copy(from, to)
    s3.delete(Seq(from))
  }

  private def moveAll(from: String, to: String): Unit = {
    val keys = s3.keys(from)
    keys.foreach(one => s3.copy(one, to + one.stripPrefix(from)))
    s3.delete(keys)
  }

  override def delete(path: Path, recursive: Boolean): Boolean = found(path).exists { status =>
    if (status.isFile) s3.delete(Seq(key(path)))
    else {
      val keys = s3.keys(prefix(path))
      if (!recursive && keys.exists(_ != prefix(path))) throw new IOException(s"$path is not empty")
      s3.delete(keys)
    }
    keepParent(path)
    true
  }

  override def mkdirs(path: Path, permission: FsPermission): Boolean = {
    found(path) match {
      case Some(status) if status.isFile => throw new FileAlreadyExistsException(s"$path is a file")
      case Some(_) =>
      case None =>
        s3.put(prefix(path), Array.emptyByteArray)
        forgetMarkers(path)
    }
    true
  }

  override def listStatus(path: Path): Array[FileStatus] = {
    val own = prefix(path)
    val pages = s3.pages(own, "/").toVector
    val files = for (page <- pages; one <- page.objects if one.key != own) yield file(one)
    val directories = for (page <- pages; one <- page.prefixes) yield directory(at(one.stripSuffix("/")))
    val known = files.nonEmpty || directories.nonEmpty || pages.exists(_.objects.nonEmpty)
    if (known) (directories ++ files).toArray
    else {
      val status = getFileStatus(path)
      if (status.isFile) Array(status) else Array.empty
    }
  }

  override def getFileStatus(path: Path): FileStatus = found(path).getOrElse(throw new FileNotFoundException(s"$path does not exist"))

  private def found(path: Path): Option[FileStatus] = {
    val own = key(path)
    if (own.isEmpty) Some(directory(path))
    else s3.head(own).map(file).orElse {
      val page = s3.list(own + "/", "", most = 1)
      if (page.objects.nonEmpty) Some(directory(path)) else None
    }
  }

  /** The markers of the directories above a file say nothing any more: without them, they would be objects in the user's data. */
  private def forgetMarkers(path: Path): Unit = {
    val above = Iterator.iterate(path.getParent)(_.getParent).takeWhile(one => one != null && key(one).nonEmpty).map(prefix).toVector
    if (above.nonEmpty) s3.delete(above)
  }

  /** A directory stays when its last file goes. */
  private def keepParent(path: Path): Unit = {
    val parent = path.getParent
    if (parent != null && key(parent).nonEmpty && found(parent).isEmpty) s3.put(prefix(parent), Array.emptyByteArray)
  }

  private def file(one: S3Object): FileStatus =
    new FileStatus(one.size, false, 1, getDefaultBlockSize, one.modifiedMs, at(one.key))

  private def directory(path: Path): FileStatus = new FileStatus(0, true, 1, 0, 0, path.makeQualified(uri, workingDirectory))

  private def at(name: String): Path = new Path(new URI(uri.getScheme, uri.getAuthority, "/" + name, null, null))

  private def key(path: Path): String = path.makeQualified(uri, workingDirectory).toUri.getPath.stripPrefix("/").stripSuffix("/")

  private def prefix(path: Path): String = { val own = key(path); if (own.isEmpty) "" else own + "/" }
}

/** Reads blocks, so that both a scan and jumps in a columnar file take few requests. */
private class S3Input(s3: S3Client, key: String, length: Long, statistics: FileSystem.Statistics) extends FSInputStream {
  private var position = 0L
  private var start = 0L
  private var block = Array.emptyByteArray
  private var jumped = false

  override def getPos: Long = position
  override def available: Int = math.max(0L, math.min(start + block.length - position, Int.MaxValue)).toInt
  override def seekToNewSource(target: Long): Boolean = false

  override def seek(target: Long): Unit = {
    if (target < 0 || target > length) throw new EOFException(s"$target is outside of the $length bytes of $key")
    if (target < start || target > start + block.length) jumped = true
    position = target
  }

  override def read(): Int = {
    val one = new Array[Byte](1)
    if (read(one, 0, 1) < 0) -1 else one(0) & 0xff
  }

  override def read(buffer: Array[Byte], offset: Int, count: Int): Int =
    if (count == 0) 0
    else if (position >= length) -1
    else {
      if (position < start || position >= start + block.length) fill(count)
      val within = (position - start).toInt
      val given = math.min(count, block.length - within)
      System.arraycopy(block, within, buffer, offset, given)
      position += given
      given
    }

  private def fill(wanted: Int): Unit = {
    val size = math.max(wanted, if (jumped) S3Input.Jump else S3Input.Scan)
    val to = math.min(length, position + size) - 1
    block = s3.read(key, position, to)
    start = position
    jumped = false
    if (block.isEmpty) throw new EOFException(s"$key ended at $position of $length bytes")
    if (statistics != null) statistics.incrementBytesRead(block.length)
  }
}

private object S3Input {
  private val Jump = 256 << 10
  private val Scan = 4 << 20
}

/** One request for a small object, parts for a large one; it is there when it is closed. */
private class S3Output(s3: S3Client, key: String, written: () => Unit) extends OutputStream {
  private val buffer = new ByteArrayOutputStream()
  private var upload: Option[String] = None
  private var tags = Vector.empty[String]
  private var closed = false

  override def write(byte: Int): Unit = write(Array(byte.toByte), 0, 1)

  override def write(bytes: Array[Byte], offset: Int, count: Int): Unit = {
    if (closed) throw new IOException(s"$key is closed")
    buffer.write(bytes, offset, count)
    if (buffer.size >= S3Output.Part) sendPart()
  }

  override def close(): Unit = if (!closed) {
    closed = true
    upload match {
      case None => s3.put(key, buffer.toByteArray)
      case Some(id) =>
        try {
          if (buffer.size > 0) sendPart()
          s3.finishParts(key, id, tags)
        } catch { case error: IOException => s3.abandonParts(key, id); throw error }
    }
    written()
  }

  private def sendPart(): Unit = {
    val id = upload.getOrElse(s3.startParts(key))
    upload = Some(id)
    tags = tags :+ s3.putPart(key, id, tags.size + 1, buffer.toByteArray)
    buffer.reset()
  }
}

private object S3Output {
  private val Part = 16 << 20
}
