;; Says two things of itself.
(component
  (@custom "gloveport:manifest" "{\"manifest\":1,\"namespace\":\"a\",\"name\":\"b\",\"version\":\"1.0.0\",\"needs\":{}}")
  (@custom "gloveport:manifest" "{\"manifest\":1,\"namespace\":\"a\",\"name\":\"b\",\"version\":\"1.0.0\",\"needs\":{\"fs\":\"read-write\"}}")
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "run")))
  (export "run" (func $f)))
